"""What an example of a rule is: the changes that break just it, where that is said, and a remedy that is read from
the finding's own words wherever they hold one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from planning.findings import Finding
from tests.unit.planning.world import EKS, GKE, Raw

Remedy = Callable[[Finding], Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """`breaks` changes the stack of `world`. The finding is at `at`; `words` are in it. `beside` are rules that
    cannot be left alone by such a stack. `remedy` gives the changes that follow the finding's fix."""

    rule: str
    breaks: Raw
    at: str
    words: tuple[str, ...]
    remedy: Remedy
    beside: tuple[str, ...] = ()
    weights: int = 0
    """Bytes of the model `digits`."""

    @property
    def name(self) -> str:
        return f"{self.rule}-{self.at}"


def says(field: str, pattern: str, read: Callable[[str], object] = str) -> Remedy:
    """Write into `field` what the fix says at the group of `pattern`."""

    def remedy(finding: Finding) -> Raw:
        found = re.search(pattern, finding.fix)
        assert found, f"{pattern} is not in: {finding.fix}"
        return {field: read(found[1])}

    return remedy


def write(changes: Raw) -> Remedy:
    return lambda _: changes


def accepting(rule: str) -> Raw:
    return {"accept": [{"rule": rule, "reason": "an example of a rule"}]}


VISION = "servers.vision"
ALONE: Raw = {f"{VISION}.gpu.pools": ["steady"]}
TWO: Raw = {f"{VISION}.replicas": {"floor": 2, "ceiling": 2}}
ON_GKE: Raw = {"cluster": GKE}
ON_EKS: Raw = {"cluster": EKS}
BEHIND: Raw = {"kind": "reference", "stack": "acme/tritonup/cluster"}
LOCAL: Raw = {
    "cluster": {"kind": "local"},
    "gpu_pools": {},
    f"{VISION}.gpu": {"kind": "none"},
    f"{VISION}.release": "24.10",
    **TWO,
}
LATENCY: Raw = {f"{VISION}.slo": {"latency": {"percentile": 99, "within": "20ms"}}}
ONE_OF = r"Write one of: ([\w.-]*\w)"
