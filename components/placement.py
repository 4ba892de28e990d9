"""Where pods may stand: on nodes of the pools that the plan names, by the labels that those declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    NodeAffinityArgs,
    NodeSelectorArgs,
    NodeSelectorRequirementArgs,
    NodeSelectorTermArgs,
    TolerationArgs,
)

from planning.pools import COMPUTE_CLASS, Pool, PoolTaint


def class_of(pools: Sequence[Pool]) -> dict[str, str] | None:
    """The selector of the ComputeClass that `pools` are of: GKE asks for it in so many words (planning/clusters/
    compute_class.py sees to it that there is one at the most)."""
    return next(({COMPUTE_CLASS: pool.compute_class} for pool in pools if pool.compute_class), None)


def on_nodes_with(labels: Sequence[Mapping[str, str]]) -> AffinityArgs | None:
    """On nodes that have all of one of `labels`; anywhere where there are none."""
    if not labels:
        return None
    return AffinityArgs(
        node_affinity=NodeAffinityArgs(
            required_during_scheduling_ignored_during_execution=NodeSelectorArgs(
                node_selector_terms=[
                    NodeSelectorTermArgs(
                        match_expressions=[
                            NodeSelectorRequirementArgs(key=key, operator="In", values=[value])
                            for key, value in sorted(one.items())
                        ]
                    )
                    for one in labels
                ]
            )
        )
    )


def tolerations_of(pools: Sequence[Pool]) -> list[TolerationArgs] | None:
    """Of all that nodes of `pools` keep others off with."""
    return tolerated([taint for pool in pools for taint in pool.taints])


def tolerated(taints: Sequence[PoolTaint]) -> list[TolerationArgs] | None:
    distinct = sorted({(taint.key, taint.value, taint.effect) for taint in taints})
    return [
        TolerationArgs(key=key, operator="Equal", value=value, effect=effect)
        if value
        else TolerationArgs(key=key, operator="Exists", effect=effect)
        for key, value, effect in distinct
    ] or None
