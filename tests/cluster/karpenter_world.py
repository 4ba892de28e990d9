"""Karpenter with the NodePools that planning renders for EKS, and nodes of kwok in the place of EC2's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster_stacks import RenderedStack
from cluster_target import Printed

from local.cluster.karpenter import HOUSEKEPT, Buying, karpenter, node_class, of_kwok
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import LAYOUT
from planning.catalogue import CATALOGUE
from planning.clusters.eks import PlannedEks
from planning.pools import GPU_RESOURCE
from planning.settings.cluster import Eks, described

MARK = "tritonup-test/standing"

LOOKS_EVERY_S = 1.5
"""Each look is a process that lists a hundred objects, on cores that Karpenter needs."""

SOON = "5s"
"""In the place of minutes: how long nothing may happen on a node before Karpenter moves it."""


def node_pools(stack: RenderedStack, *, move_after: str | None = None) -> list[Object]:
    """The stack's NodePools, of nodes that kwok has. `move_after` in the place of `consolidateAfter`."""
    found = [of_kwok(body) for body in stack.of_kind("NodePool")]
    assert found, f"{stack.name} has no NodePools"
    for body in found:
        if move_after is not None:
            body["spec"]["disruption"]["consolidateAfter"] = move_after
    return found


@contextmanager
def buying(stack: RenderedStack, kubectl: Kubectl, folder: Path) -> Generator[Buying]:
    """Karpenter runs, and can buy every machine that a pool of the stack may have. No NodePool is there yet, and none
    is left, with no node of theirs."""
    cluster = described(stack.plan.settings.cluster)
    assert isinstance(cluster, Eks)
    assert stack.plan.karpenter is not None
    zones: dict[str, Sequence[str]] = {
        name: pool.zones for pool in stack.plan.karpenter.nodes.pools for name in pool.machines.value
    }
    machines = [
        (machine, zones[machine.name])
        for machine in CATALOGUE.machines
        if machine.cloud == "eks"
        if machine.name in zones
    ]
    with karpenter(kubectl, machines, cluster.region, folder, LAYOUT, Printed()) as running:
        kubectl.apply(node_class())
        try:
            yield running
        finally:
            kubectl.run("delete", "nodepools,nodeclaims", "--all", "--timeout=60s")
            kubectl.run("delete", "kwoknodeclasses", "--all")


def standing_nodes(stack: RenderedStack) -> list[Object]:
    """Those of the managed node groups of GPU pools, at their fixed size, with their GPUs."""
    made = stack.plan.made
    assert isinstance(made, PlannedEks)
    pools = {pool.name: pool for pool in stack.plan.pools}
    return [
        _standing(f"{group.name}-{number}", group.labels, group.taints, pools[group.name], number)
        for group in made.groups
        for number in range(group.at_first.value)
    ]


def _standing(name: str, labels: Mapping[str, str], taints: Sequence[Any], pool: Any, number: int) -> Object:
    machine = pool.machine.value
    offers = {
        "cpu": str(machine.vcpus),
        "memory": str(machine.memory_bytes),
        "ephemeral-storage": "100Gi",
        "pods": "58",
        GPU_RESOURCE: str(pool.slots),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": dict([HOUSEKEPT]),
            "labels": {
                **labels,
                MARK: "true",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": machine.name,
                "topology.kubernetes.io/zone": pool.zones[number % len(pool.zones)],
            },
        },
        "spec": {"taints": [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in taints]},
        "status": {"capacity": offers, "allocatable": offers},
    }


def until(there: Callable[[], bool], within_s: float, why_not: Callable[[], str]) -> float:
    """How long it took."""
    began = time.monotonic()
    while not there():
        assert time.monotonic() - began < within_s, why_not()
        time.sleep(LOOKS_EVERY_S)
    return time.monotonic() - began


@contextmanager
def watched(look: Callable[[], None], every_s: float = 1.0) -> Generator[None]:
    """`look` again and again while the context lasts. What it finds wrong is raised at the end."""
    over = threading.Event()
    wrong: list[BaseException] = []

    def keep_looking() -> None:
        while not over.wait(every_s) and not wrong:
            try:
                look()
            except BaseException as found:  # noqa: BLE001  for the test's own thread to raise
                wrong.append(found)

    looking = threading.Thread(target=keep_looking, daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()
    if wrong:
        raise wrong[0]
