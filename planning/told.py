"""What programs in pods are told in JSON, read strictly: what is wrong is named by its field, its value and the rule.

By the standard library alone: they start in a tenth of the time that pydantic takes to be imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")

_QUOTED = 80
"""Characters of a value that a message repeats: it may be anything, of any length."""


class SettingsError(ValueError):
    """The JSON does not say what it must. The message names the field, its value and the rule."""


def read_told(path: Path) -> Mapping[str, object]:
    """What the file `path` says. SettingsError where it is no JSON."""
    try:
        return told(path.read_bytes(), str(path))
    except OSError as failed:
        raise SettingsError(f"{path} cannot be read as JSON: {failed}") from None


def told(raw: bytes, at: str) -> Mapping[str, object]:
    """What `raw` says, which is called `at`. SettingsError where it is no JSON."""
    try:
        said: object = json.loads(raw)
    except RecursionError:
        raise SettingsError(f"{at} cannot be read as JSON: it is nested too deep") from None
    except ValueError as failed:
        raise SettingsError(f"{at} cannot be read as JSON: {failed}") from None
    return mapping(said, at)


def mapping(said: object, at: str) -> Mapping[str, object]:
    if not isinstance(said, dict):
        raise SettingsError(f"{at} is {_quoted(said)}: it must be a mapping.")
    return cast("dict[str, object]", said)


def below(said: Mapping[str, object], field: str, at: str = "") -> Mapping[str, object]:
    """The mapping that `field` is."""
    return mapping(said.get(field), _below(at, field))


def text(said: Mapping[str, object], field: str, at: str = "") -> str:
    value = said.get(field)
    if not isinstance(value, str) or not value or _half(value):
        raise SettingsError(f"{_below(at, field)} is {_quoted(value)}: it must be a text.")
    return value


def _half(value: str) -> bool:
    """Whether it holds half of a character, as JSON can (RFC 8259, 8.2), and no file's name can."""
    return any("\ud800" <= letter <= "\udfff" for letter in value)


def sha256(said: Mapping[str, object], field: str, at: str = "") -> str:
    return _sha256(said.get(field), _below(at, field))


def sha256s(said: Mapping[str, object], field: str) -> tuple[str, ...]:
    """A list that may be empty, or left out."""
    value = said.get(field, [])
    if not isinstance(value, list):
        raise SettingsError(f"{field} is {_quoted(value)}: it must be a list.")
    return tuple(_sha256(one, f"{field}[{number}]") for number, one in enumerate(cast("list[object]", value)))


def _sha256(value: object, at: str) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[0-9a-f]{64}", value) is None:
        raise SettingsError(f"{at} is {_quoted(value)}: it must be a SHA-256, 64 digits from 0 to f.")
    return value


def exactly(said: Mapping[str, object], field: str, wanted: str, at: str = "") -> None:
    if (value := said.get(field)) != wanted:
        raise SettingsError(f"{_below(at, field)} is {_quoted(value)}: it must be {wanted!r}.")


def at_least(least: int, said: Mapping[str, object], field: str, at: str = "") -> int:
    value = said.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        rule = f"it must be a whole number of at least {least}"
        raise SettingsError(f"{_below(at, field)} is {_quoted(value)}: {rule}.")
    return value


def labels(said: Mapping[str, object], at: str) -> Mapping[str, str]:
    """What the nodes of a pool are known by."""
    found = mapping(said.get("labels"), f"{at}.labels")
    if not found:
        raise SettingsError(f"{at}.labels is empty: without a label every node would be of this pool.")
    return {key: str(value) for key, value in found.items()}


def listed(
    said: Mapping[str, object], field: str, read: Callable[[Mapping[str, object], str], T], at: str = ""
) -> tuple[T, ...]:
    """A list of at least one mapping, each as `read` has it of what it says and where it is."""
    value: object = said.get(field)
    here = _below(at, field)
    if not isinstance(value, list) or not value:
        raise SettingsError(f"{here} is {_quoted(cast('object', value))}: it must be a list of at least one.")
    return tuple(
        read(mapping(one, f"{here}[{number}]"), f"{here}[{number}]")
        for number, one in enumerate(cast("list[object]", value))
    )


def _quoted(value: object) -> str:
    whole = repr(value)
    return whole if len(whole) <= _QUOTED else f"{whole[:_QUOTED]}…"


def _below(at: str, field: str) -> str:
    return f"{at}.{field}" if at else field
