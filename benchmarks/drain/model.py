"""The model that every server here serves: 100 ms of time and no core's work, however many ask."""

from __future__ import annotations

import shutil
from pathlib import Path

from measuring.pods import MODEL as NAME
from measuring.pods import write_sleeping_model

__all__ = ["BATCH", "INSTANCES", "NAME", "SECONDS", "write_repository"]

SECONDS = 0.1

INSTANCES = 3
"""Each is a Python process, 0.4 s of a core to start."""

BATCH = 16
"""At most; together 480 requests a second, several times what is sent."""


def write_repository(root: Path) -> Path:
    """A repository in `root` with this model alone, afresh; the model's directory."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    return write_sleeping_model(root, seconds=SECONDS, instances=INSTANCES, batch=BATCH)
