"""What the engine's state says of a stack, read without the engine: it may be gone since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.engine.events import KUBERNETES
from local.engine.workplace import Workplace


def checkpoint(workplace: Workplace, stack: str) -> Path:
    """Where the engine keeps the state of a stack in a folder (pkg/backend/diy, projectReferenceStore)."""
    return workplace.state / ".pulumi" / "stacks" / "tritonup" / f"{stack}.json"


def holds_objects(workplace: Workplace, stack: str) -> bool:
    """Whether the state knows of anything in a cluster, half-made things included."""
    resources: list[Mapping[str, Any]] = _latest(workplace, stack).get("resources") or []
    return pending(workplace, stack) or any(str(one["type"]).startswith(KUBERNETES) for one in resources)


def pending(workplace: Workplace, stack: str) -> bool:
    """Whether an engine was killed in the middle of an operation."""
    return bool(_latest(workplace, stack).get("pending_operations"))


def _latest(workplace: Workplace, stack: str) -> Mapping[str, Any]:
    try:
        written = json.loads(checkpoint(workplace, stack).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return written["checkpoint"].get("latest") or {}
