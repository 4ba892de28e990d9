"""What the program is told: the taint, and for each pool how its nodes are known and how many GPUs they must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from planning.told import at_least, labels, listed, read_told, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """`gpus` counts what the device plugin advertises on a whole node: shares, where GPUs are shared."""

    name: str
    labels: Mapping[str, str]
    gpus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`taint` is a key. `resource` is what the device plugin advertises."""

    taint: str
    resource: str
    pools: tuple[Pool, ...]

    def pool_of(self, labels: Mapping[str, str]) -> Pool | None:
        return next((pool for pool in self.pools if pool.labels.items() <= labels.items()), None)


def read_settings(path: Path) -> Settings:
    """Settings out of a JSON file. SettingsError names what is wrong with it."""
    whole = read_told(path)
    return Settings(
        pools=listed(whole, "pools", _pool),
        taint=text(whole, "taint"),
        resource=text(whole, "resource"),
    )


def _pool(said: Mapping[str, object], at: str) -> Pool:
    return Pool(name=text(said, "name", at), labels=labels(said, at), gpus=at_least(1, said, "gpus", at))
