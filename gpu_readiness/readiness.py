"""Whether a node has what its pool promises, and the patch that takes the taint off it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_readiness.settings import Settings
from programs.kubernetes import Body

Taint = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The taint stays."""

    node: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The taint may go. `patch` is a JSON patch (RFC 6902) that tests what this was concluded from: where the node's
    GPUs or its taints have changed since, the API server refuses it whole."""

    node: str
    has: str
    patch: tuple[Mapping[str, object], ...]


def judge(body: Body, settings: Settings) -> Waiting | Complete | None:
    """None where there is nothing to do: no pool of ours, or no taint (any more)."""
    pool = settings.pool_of(body["metadata"].get("labels") or {})
    taints: list[Taint] = body["spec"].get("taints") or []
    places = [place for place, taint in enumerate(taints) if taint["key"] == settings.taint]
    if pool is None or not places:
        return None
    name = body["metadata"]["name"]
    if not _ready(body):
        return Waiting(node=name, because="the node is not ready")
    allocatable: Mapping[str, str] = body["status"].get("allocatable") or {}
    has = allocatable.get(settings.resource, "0")
    if has != str(pool.gpus):
        return Waiting(
            node=name,
            because=f"{has} {settings.resource} can be allocated, and pool {pool.name!r} promises {pool.gpus}",
        )
    tests: list[Mapping[str, object]] = [
        {"op": "test", "path": f"/status/allocatable/{_escaped(settings.resource)}", "value": has}
    ]
    tests += [{"op": "test", "path": f"/spec/taints/{place}", "value": taints[place]} for place in places]
    # From the last: each removal moves those behind it.
    removals = [{"op": "remove", "path": f"/spec/taints/{place}"} for place in reversed(places)]
    return Complete(node=name, has=has, patch=(*tests, *removals))


def _ready(body: Body) -> bool:
    conditions: list[Mapping[str, str]] = body["status"].get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _escaped(key: str) -> str:
    """As a JSON pointer has it (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")
