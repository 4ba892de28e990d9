"""What a program is told in a JSON file, read strictly: what is wrong is named by its field, its value and the rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")


class SettingsError(ValueError):
    """The file does not say what it must. The message names the field, its value and the rule."""


def read_told(path: Path) -> Mapping[str, object]:
    try:
        said: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failed:
        raise SettingsError(f"{path} cannot be read as JSON: {failed}") from None
    return mapping(said, str(path))


def mapping(said: object, at: str) -> Mapping[str, object]:
    if not isinstance(said, dict):
        raise SettingsError(f"{at} is {said!r}: it must be a mapping.")
    return cast("dict[str, object]", said)


def text(said: Mapping[str, object], field: str, at: str = "") -> str:
    value = said.get(field)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{_below(at, field)} is {value!r}: it must be a text.")
    return value


def at_least_one(said: Mapping[str, object], field: str, at: str = "") -> int:
    value = said.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingsError(f"{_below(at, field)} is {value!r}: it must be a whole number of at least 1.")
    return value


def labels(said: Mapping[str, object], at: str) -> Mapping[str, str]:
    """What the nodes of a pool are known by."""
    found = mapping(said.get("labels"), f"{at}.labels")
    if not found:
        raise SettingsError(f"{at}.labels is empty: without a label every node would be of this pool.")
    return {key: str(value) for key, value in found.items()}


def listed(said: Mapping[str, object], field: str, read: Callable[[Mapping[str, object], str], T]) -> tuple[T, ...]:
    """A list of at least one mapping, each as `read` has it of what it says and where it is."""
    value = said.get(field)
    if not isinstance(value, list) or not value:
        raise SettingsError(f"{field} is {value!r}: it must be a list of at least one.")
    return tuple(
        read(mapping(one, f"{field}[{number}]"), f"{field}[{number}]")
        for number, one in enumerate(cast("list[object]", value))
    )


def _below(at: str, field: str) -> str:
    return f"{at}.{field}" if at else field
