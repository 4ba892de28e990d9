"""Where C++'s parser of text format, which Triton reads with, is stricter than Python's, or Triton than both.

`google/protobuf/io/tokenizer.cc` of protobuf: no sign but a minus, no unknown escape in a string, no NUL. An
enumeration's number that has no name passes both parsers and means nothing: an instance group of such a kind is
refused, and a tensor of such a type, which tritonserver 2.51 loads, is one that no request can name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from planning.repository.config import ModelConfig
from planning.repository.lines import Token, tokens

_BAD_ESCAPE = re.compile(r"""\\(?:\\|[abfnrtv?'"0-7xXuU])|(?P<bad>\\.)""", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritable:
    """Something that Python's parser lets pass: in line `line`, or at the dotted path `field`."""

    what: str
    fix: str
    line: int | None = None
    field: str = ""


def refused_text(text: str) -> Unwritable | None:
    """The first thing in `text` that C++'s parser refuses, as far as Python's does not."""
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return Unwritable(line=line, what="it holds a NUL character.", fix="Save it as plain text.")
    if "+" not in text and "\\" not in text:
        return None
    return next((wrong for token in tokens(text) if (wrong := _wrong(token)) is not None), None)


def _wrong(token: Token) -> Unwritable | None:
    if token.kind == "word" and token.text.startswith("+"):
        what = f"a number cannot begin with a plus: {token.text!r}."
        return Unwritable(line=token.line, what=what, fix=f"Write {token.text[1:]}.")
    if token.kind == "string":
        for found in _BAD_ESCAPE.finditer(token.text[1:-1]):
            if found["bad"]:
                what = f"the string {token.text} has the unknown escape {found['bad']!r}."
                return Unwritable(line=token.line, what=what, fix="Write a backslash twice to mean one.")
    return None


def too_great(error: ValueError, text: str) -> Unwritable:
    """What Python's parser means by `error`, which names the number alone."""
    number = str(error).rpartition(" ")[2]
    line = next((token.line for token in tokens(text) if token.text == number), None)
    return Unwritable(
        line=line, what=f"the number {number} does not fit its field.", fix="Write a name of the field's."
    )


class _Enum(Protocol):
    name: str
    values_by_number: Mapping[int, object]


class _Field(Protocol):
    name: str
    enum_type: _Enum | None
    message_type: object | None
    is_repeated: bool


class _Message(Protocol):
    def ListFields(self) -> Sequence[tuple[_Field, object]]: ...  # noqa: N802


def unnamed_number(config: ModelConfig) -> Unwritable | None:
    """The first enumeration in `config` whose number has no name."""
    return next(_unnamed(cast("_Message", config), ""), None)


def _unnamed(message: _Message, owner: str) -> Iterator[Unwritable]:
    for field, value in message.ListFields():
        path = f"{owner}{field.name}"
        if field.enum_type is not None and isinstance(value, int) and value not in field.enum_type.values_by_number:
            what = f"{field.enum_type.name} has no value {value}."
            yield Unwritable(field=path, what=what, fix=f"Write one of {field.enum_type.name}'s names.")
        elif field.message_type is None:
            continue
        elif isinstance(value, Mapping):
            for key, item in cast("Mapping[str, object]", value).items():
                if hasattr(item, "ListFields"):
                    yield from _unnamed(cast("_Message", item), f'{path}["{key}"].value.')
        elif field.is_repeated:
            for index, item in enumerate(cast("Sequence[_Message]", value)):
                yield from _unnamed(item, f"{path}[{index}].")
        else:
            yield from _unnamed(cast("_Message", value), f"{path}.")
