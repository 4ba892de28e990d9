"""What the program is told: the taint, and for each pool how its nodes are known and how many GPUs they must have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast


class SettingsError(ValueError):
    """The file does not say what it must. The message names the field, its value and the rule."""


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
    try:
        said: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failed:
        raise SettingsError(f"{path} cannot be read as JSON: {failed}") from None
    whole = _mapping(said, str(path))
    pools = whole.get("pools")
    if not isinstance(pools, list) or not pools:
        raise SettingsError(f"pools is {pools!r}: it must be a list of at least one pool.")
    return Settings(
        taint=_text(whole, "taint"),
        resource=_text(whole, "resource"),
        pools=tuple(_pool(pool, f"pools[{number}]") for number, pool in enumerate(cast("list[object]", pools))),
    )


def _pool(said: object, at: str) -> Pool:
    pool = _mapping(said, at)
    labels = _mapping(pool.get("labels"), f"{at}.labels")
    if not labels:
        raise SettingsError(f"{at}.labels is empty: without a label every node would be of this pool.")
    gpus = pool.get("gpus")
    if not isinstance(gpus, int) or isinstance(gpus, bool) or gpus < 1:
        raise SettingsError(f"{at}.gpus is {gpus!r}: it must be a whole number of at least 1.")
    return Pool(name=_text(pool, "name", at), labels={key: str(value) for key, value in labels.items()}, gpus=gpus)


def _mapping(said: object, at: str) -> Mapping[str, object]:
    if not isinstance(said, dict):
        raise SettingsError(f"{at} is {said!r}: it must be a mapping.")
    return cast("dict[str, object]", said)


def _text(said: Mapping[str, object], field: str, at: str = "") -> str:
    value = said.get(field)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{f'{at}.' if at else ''}{field} is {value!r}: it must be a text.")
    return value
