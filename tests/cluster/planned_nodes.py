"""Node objects as a cloud would make them of planned pools: no kubelet behind them, which the scheduler cannot tell."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from local.cluster.kubectl import Kubectl, Object
from planning.pools import Pool

HEARTBEAT_S = 10.0
"""A node that says nothing for 50 s is given up (kube-controller-manager, --node-monitor-grace-period)."""

MARK = "tritonup-test/planned"


@contextmanager
def planned_nodes(kubectl: Kubectl, pools: Sequence[Pool]) -> Generator[list[str]]:
    """As many nodes as each pool may have, over its zones in turn, Ready while the context lasts; their names."""
    nodes = [_node(pool, number) for pool in pools for number in range(pool.max_nodes)]
    status = {node["metadata"]["name"]: _status(pool) for pool in pools for node in nodes if _is_of(node, pool)}
    kubectl.apply(*nodes)
    over = threading.Event()

    def keep_beating() -> None:
        while not over.wait(HEARTBEAT_S):
            _say(kubectl, status)

    _say(kubectl, status)
    beating = threading.Thread(target=keep_beating, daemon=True)
    beating.start()
    try:
        yield list(status)
    finally:
        over.set()
        beating.join()
        kubectl.run("delete", "nodes", f"--selector={MARK}", "--ignore-not-found")


def _node(pool: Pool, number: int) -> Object:
    name = f"{pool.name}-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                **pool.labels,
                MARK: pool.name,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": pool.zones[number % len(pool.zones)],
            },
        },
        "spec": {"taints": [{"key": t.key, "value": t.value, "effect": t.effect} for t in pool.taints]},
    }


def _is_of(node: Object, pool: Pool) -> bool:
    return node["metadata"]["labels"][MARK] == pool.name


def _status(pool: Pool) -> Object:
    assert pool.room is not None
    cpu, memory = pool.room
    offers = {
        "cpu": f"{cpu.millis}m",
        "memory": str(memory.bytes),
        "ephemeral-storage": "50Gi",
        "pods": "110",
        "nvidia.com/gpu": str(pool.slots),
    }
    return {"capacity": offers, "allocatable": offers}


def _say(kubectl: Kubectl, status: Mapping[str, Object]) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {"type": "Ready", "status": "True", "reason": "Planned", "message": "", "lastHeartbeatTime": now}
    nodes = [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {**said, "conditions": [ready]}}
        for name, said in status.items()
    ]
    # All at once: there are up to 20, and a process for each would be busy for half of the time.
    kubectl.attempt(
        *("apply", "--server-side", "--subresource=status", "--force-conflicts", "--field-manager=heartbeat"),
        "--filename=-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes}),
    )
    # The controllers' own taint on a new node goes with the first heartbeat that they see.
