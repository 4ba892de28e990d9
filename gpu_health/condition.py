"""The condition of a node that says whether its GPUs are healthy. Pure.

It holds until the node boots anew: what NVIDIA asks for after a fatal Xid is a reset at least, and who gives up a node
gets another. An agent that is started again may find that the line has left the kernel's log since; what it said of
this boot before is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gpu_health.faults import Fault
from programs.kubernetes import Body

GPU_HEALTHY = "GpuHealthy"
"""True is good, as of Ready."""

LONGEST = 1000
"""Characters of a message: eight GPUs can say much."""


def found(node: Body) -> Body | None:
    """The condition that `node` has."""
    conditions: Sequence[Body] = node["status"].get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == GPU_HEALTHY), None)


def condition(faults: Sequence[Fault], boot: str, before: Body | None, now: datetime) -> Body:
    """What to say now, where the node says `before`."""
    if not faults and before is not None and before["status"] == "False" and _mark(boot) in before["message"]:
        return before
    status = "False" if faults else "True"
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    since = before["lastTransitionTime"] if before is not None and before["status"] == status else time
    return {
        "type": GPU_HEALTHY,
        "status": status,
        "reason": f"Xid{faults[0].xid}" if faults else "NoFatalXid",
        "message": f"{_said(faults)} {_mark(boot)}",
        "lastHeartbeatTime": time,
        "lastTransitionTime": since,
    }


def same(one: Body, other: Body | None) -> bool:
    """Whether they say the same, whenever it was said."""
    return other is not None and all(one[field] == other.get(field) for field in ("status", "reason", "message"))


def _said(faults: Sequence[Fault]) -> str:
    if not faults:
        return "The kernel's log has no fatal Xid."
    said = "; ".join(f"GPU {fault.gpu}: Xid {fault.xid}, {fault.what}" for fault in faults)
    return f"{said if len(said) <= LONGEST else said[: LONGEST - 1] + '…'}."


def _mark(boot: str) -> str:
    return f"(boot {boot})"
