"""What the drainer is told: which conditions mean a failed GPU, which nodes it looks after, and how many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from planning.told import at_least, labels, listed, mapping, read_told, text
from programs.kubernetes import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A node whose `condition` has this `status` has a GPU that has failed."""

    condition: str
    status: str

    def of(self, node: Body) -> Body | None:
        """The condition, where the node has it so."""
        conditions: Sequence[Body] = node["status"].get("conditions") or []
        return next(
            (one for one in conditions if (one["type"], one["status"]) == (self.condition, self.status)),
            None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`at_once`: how many of its nodes may be drained at the same time."""

    name: str
    labels: Mapping[str, str]
    at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Whoever holds it drains."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`taint` is a key."""

    taint: str
    lease: Lease
    signs: tuple[Sign, ...]
    pools: tuple[Pool, ...]


def read_settings(path: Path) -> Settings:
    """Settings out of a JSON file. SettingsError names what is wrong with it."""
    whole = read_told(path)
    lease = mapping(whole.get("lease"), "lease")
    return Settings(
        taint=text(whole, "taint"),
        lease=Lease(namespace=text(lease, "namespace", "lease"), name=text(lease, "name", "lease")),
        signs=listed(whole, "signs", _sign),
        pools=listed(whole, "pools", _pool),
    )


def _sign(said: Mapping[str, object], at: str) -> Sign:
    return Sign(condition=text(said, "condition", at), status=text(said, "status", at))


def _pool(said: Mapping[str, object], at: str) -> Pool:
    return Pool(name=text(said, "name", at), labels=labels(said, at), at_once=at_least(1, said, "at_once", at))
