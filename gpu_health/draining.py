"""Which nodes are marked, which of them is drained now, and which pods must go. Pure.

All that there is to remember stands on the node, as the value of its taint: `waiting` for its turn, `draining`, or
`drained`. Whoever drains can be ended at any time, and the next one goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from gpu_health.settings import Sign
from programs.kubernetes import Body

EFFECT = "NoSchedule"
"""Nothing new comes; what runs is evicted, so that disruption budgets have a say, which NoExecute does not ask."""


class Mark(StrEnum):
    WAITING = "waiting"
    DRAINING = "draining"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`failed`: since when, and why; None where its GPUs are healthy. `mark` is None where it has no taint of ours."""

    name: str
    version: str
    failed: tuple[str, str] | None
    mark: Mark | None
    taints: tuple[Mapping[str, Any], ...]
    """All, as the node has them."""


def node_of(body: Body, signs: Sequence[Sign], taint: str) -> Node:
    """`body` as it matters here. A mark that nobody of us wrote counts as `waiting`."""
    taints: tuple[Mapping[str, Any], ...] = tuple(body["spec"].get("taints") or ())
    condition = next((condition for sign in signs if (condition := sign.of(body)) is not None), None)
    ours = next((one.get("value") for one in taints if one["key"] == taint), None)
    there = any(one["key"] == taint for one in taints)
    return Node(
        name=body["metadata"]["name"],
        version=body["metadata"]["resourceVersion"],
        failed=None
        if condition is None
        else (
            str(condition.get("lastTransitionTime") or ""),
            f"{condition['type']} is {condition['status']}: {condition.get('reason') or 'no reason given'}",
        ),
        mark=None if not there else Mark(ours) if ours in list(Mark) else Mark.WAITING,
        taints=taints,
    )


def marks(nodes: Sequence[Node], at_once: int) -> dict[str, Mark | None]:
    """The mark that each of a pool's nodes must have. Whoever has waited longest is drained first, and a drain that has
    begun is not broken off for another's; it ends where the node is healthy again."""
    failed = [node for node in nodes if node.failed is not None]
    begun = {node.name for node in failed if node.mark is Mark.DRAINING}
    queue = sorted(
        (node for node in failed if node.mark in (None, Mark.WAITING)), key=lambda node: (node.failed, node.name)
    )
    begun |= {node.name for node in queue[: max(0, at_once - len(begun))]}
    return {
        node.name: None
        if node.failed is None
        else Mark.DRAINED
        if node.mark is Mark.DRAINED
        else Mark.DRAINING
        if node.name in begun
        else Mark.WAITING
        for node in nodes
    }


def marking(node: Node, mark: Mark | None, taint: str) -> tuple[Mapping[str, object], ...]:
    """The JSON patch (RFC 6902) that gives `node` this mark. Where anything of the node has changed since it was looked
    at, the API server refuses it."""
    others = [dict(one) for one in node.taints if one["key"] != taint]
    ours = [] if mark is None else [{"key": taint, "value": str(mark), "effect": EFFECT}]
    return (
        {"op": "test", "path": "/metadata/resourceVersion", "value": node.version},
        {"op": "add", "path": "/spec/taints", "value": [*others, *ours]},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """`goes`: `evict` it, wait for it (`leaving`), or let it be (`stays`). `alone`: nobody would make it anew."""

    namespace: str
    name: str
    uid: str
    goes: Literal["evict", "leaving", "stays"]
    alone: bool

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}/eviction"

    @property
    def eviction(self) -> Body:
        """It holds for this pod alone, not for the next one of its name (policy/v1)."""
        return {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "deleteOptions": {"preconditions": {"uid": self.uid}},
        }


def pod_of(body: Body, taint: str) -> Pod:
    """What stays: pods of a DaemonSet and static ones, which the node's end ends; those that have ended; those that
    tolerate the taint, which would come back; and those without a controller, which `kubectl drain` leaves too unless
    it is forced."""
    metadata = body["metadata"]
    owners: Sequence[Body] = metadata.get("ownerReferences") or []
    maker = next((owner["kind"] for owner in owners if owner.get("controller")), None)
    tolerations: Sequence[Body] = body["spec"].get("tolerations") or []
    stays = (
        maker == "DaemonSet"
        or "kubernetes.io/config.mirror" in (metadata.get("annotations") or {})
        or body["status"].get("phase") in ("Succeeded", "Failed")
        or any(_tolerates(toleration, taint) for toleration in tolerations)
    )
    leaving = not stays and bool(metadata.get("deletionTimestamp"))
    alone = maker is None and not stays and not leaving
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        goes="leaving" if leaving else "stays" if stays or alone else "evict",
        alone=alone,
    )


def _tolerates(toleration: Body, taint: str) -> bool:
    """Whatever the taint's value is."""
    return (
        toleration.get("operator") == "Exists"
        and toleration.get("key") in (None, "", taint)
        and toleration.get("effect") in (None, "", EFFECT)
    )
