"""From settings to their plan: reads the model repository and the catalogues that planning decides on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from planning.catalogue import CATALOGUE
from planning.images import image_lock
from planning.plan import Plan
from planning.planner import plan
from planning.repository.reader import read_repository
from planning.settings.root import Settings


def planned(settings: Settings, root: Path) -> Plan:
    """The plan of `settings` for the project at `root`, with what is wrong with its model repository."""
    repository, findings = read_repository(root / settings.model_repository.directory)
    decided = plan(settings, repository, CATALOGUE, image_lock())
    return replace(decided, findings=(*findings, *decided.findings))
