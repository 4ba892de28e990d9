"""Pools as we render them and as peers document them, in what matters when a node is bought for a pod."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planning.pools import STARTUP_TAINT

READ = "2026-11-27"
"""The day on which the sources were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file at a commit, or an issue (`path` is then its number, and `commit` empty)."""

    repository: str
    path: str
    commit: str

    @property
    def url(self) -> str:
        if self.commit:
            return f"https://github.com/{self.repository}/blob/{self.commit}/{self.path}"
        return f"https://github.com/{self.repository}/issues/{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """`node_pools` are Karpenter's objects, None: those of stack prod. A start-up taint is on every new node where
    `tainted`, and our program takes it off; `declared` says whether the NodePools know of it."""

    key: str
    title: str
    sources: tuple[Source, ...]
    node_pools: Sequence[Mapping[str, Any]] | None = None
    tainted: bool = False
    declared: bool = False

    @property
    def baseline(self) -> bool:
        """What ours are compared with: somebody else's."""
        return bool(self.sources)

    def of(self, ours: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The NodePools as they are applied; `ours` are stack prod's."""
        found = [copy.deepcopy(dict(body)) for body in (ours if self.node_pools is None else self.node_pools)]
        if self.tainted and self.declared:
            for body in found:
                body["spec"]["template"]["spec"]["startupTaints"] = [
                    {"key": STARTUP_TAINT, "value": "awaited", "effect": "NoSchedule"}
                ]
        return found


_AI_ON_EKS: Mapping[str, Any] = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": "gpu"},
    "spec": {
        "weight": 10,
        "disruption": {
            "budgets": [{"nodes": "10%"}],
            "consolidateAfter": "300s",
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
        },
        "template": {
            "metadata": {"labels": {"accelerator": "nvidia", "tritonup/pool": "a10g-spot"}},
            "spec": {
                "expireAfter": "720h",
                "terminationGracePeriod": "24h",
                "nodeClassRef": {},
                "requirements": [
                    {
                        "key": "node.kubernetes.io/instance-type",
                        "operator": "In",
                        "values": ["g5.xlarge", "g5.2xlarge", "g5.4xlarge"],
                    },
                    {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot", "on-demand"]},
                ],
                "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
            },
        },
    },
}
"""Facts of the file, in our words. In the place of the category `g` and a generation above 4, which the kwok provider
does not know, are the machines that both mean; `reserved` is left out, and the pod finds the pool by our label."""

OURS = "tritonup"

SETTINGS: tuple[PoolSettings, ...] = (
    PoolSettings(key=OURS, title="tritonup, stack prod", sources=()),
    PoolSettings(
        key="tritonup-tainted",
        title="the same with a start-up taint that the NodePools declare",
        sources=(),
        tainted=True,
        declared=True,
    ),
    PoolSettings(
        key="ai-on-eks",
        title="AWS, ai-on-eks, NodePool gpu",
        sources=(
            Source(
                repository="awslabs/ai-on-eks",
                path="infra/base/terraform/karpenter-resources/karpenter/gpu.yaml",
                commit="5f336be68eb5786e40bccf28fe79f5d3aafd5346",
            ),
        ),
        node_pools=(_AI_ON_EKS,),
    ),
    PoolSettings(
        key="undeclared",
        title="a start-up taint that the NodePools do not declare",
        sources=(Source(repository="aws/karpenter-provider-aws", path="6355", commit=""),),
        tainted=True,
    ),
)
