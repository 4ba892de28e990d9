"""Faults of GPUs, as NVIDIA's driver writes them into the kernel's log. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

FATAL: Mapping[int, str] = {
    46: "GPU stopped processing",
    48: "uncorrectable ECC error",
    62: "halt of an internal micro-controller",
    64: "failure to remap a row of memory",
    74: "NVLink error",
    79: "GPU has fallen off the bus",
    95: "uncontained memory error",
    109: "time-out of a context switch",
    110: "security fault",
    119: "time-out of the GPU's system processor",
    120: "error of the GPU's system processor",
    136: "NVLink training failed",
    140: "ECC error that was not recovered",
    143: "GPU could not be initialised",
    151: "failure to rotate keys",
    155: "NVLink error that software defines",
    156: "retirement of a resource",
    158: "fatal time-out",
}
"""Xids after which the GPU has to be reset, or its machine restarted, by NVIDIA's catalogue (docs.nvidia.com/deploy/
xid-errors, "Analyzing Xid Errors with the Xid Catalog", "Immediate Action"). It is what Amazon's agent takes for fatal
(aws/eks-node-monitoring-agent 51af549, monitors/nvidia/dcgm/dcgm_policies.go, WellKnownXidCodes), less three for which
the catalogue asks neither: 54 (a cable), 63 (a row was remapped: ignore) and 142 (a video encoder). What ends one
process and leaves the GPU whole is in neither: 13, 31, 43, 45, 94."""

RECOVERY = 154
"""Newer drivers sum up: "GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)"."""

_LINE = re.compile(
    r"NVRM: Xid \((?:PCI:)?(?P<gpu>[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})[^)\n]*\): (?P<xid>[0-9]{1,4})\b"
    r"(?:, (?P<said>[^\n]*))?"
)
_ACTION = re.compile(r"changed from 0x[0-9a-fA-F]+ \([^)]*\) to 0x(?P<code>[0-9a-fA-F]+) \((?P<action>[^)]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`gpu` is its address on the PCI bus, `what` what is wrong with it."""

    gpu: str
    xid: int
    what: str


def faults_in(log: str) -> tuple[Fault, ...]:
    """Each fatal Xid of each GPU once, in the order of `log`, whose lines may begin with anything."""
    found: dict[tuple[str, int], Fault] = {}
    for line in _LINE.finditer(log):
        gpu, xid = line["gpu"].lower(), int(line["xid"])
        what = _needed(line["said"] or "") if xid == RECOVERY else FATAL.get(xid)
        if what is not None:
            found.setdefault((gpu, xid), Fault(gpu=gpu, xid=xid, what=what))
    return tuple(found.values())


def _needed(said: str) -> str | None:
    """What the driver says must be done to the GPU; None where it says that nothing must."""
    changed = _ACTION.search(said)
    return changed["action"] if changed is not None and int(changed["code"], 16) else None
