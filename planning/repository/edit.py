"""Changing the batching and the instances of a `config.pbtxt` and nothing else: comments, order and layout stay.

protobuf's own printer would write the whole file anew, without its comments, and a diff that nobody wants to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planning.repository.lines import TOKEN

LIMITS = ("priority_levels", "default_priority_level", "default_queue_policy", "priority_queue_policy")
"""The fields of `dynamic_batching` that keep its batcher from prefetching."""

DELAY = "max_queue_delay_microseconds"


class CannotEditError(ValueError):
    """The file is written in a way that this does not change; it says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBatching:
    """`instances`: the count of the one instance group; None leaves the groups as they are. `delay_us` is None without
    dynamic batching. `unlimited` takes priorities and queue policies out."""

    instances: int | None
    delay_us: int | None
    unlimited: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a field is: its name from `start`, its value from `value` to `end`."""

    name: str
    start: int
    value: int
    end: int


def with_batching(text: str, wanted: WantedBatching) -> str:
    """`text`, which parses, with `wanted` in it. Raises CannotEditError."""
    text = _dynamic_batching(text, wanted)
    return text if wanted.instances is None else _instances(text, wanted.instances)


def _dynamic_batching(text: str, wanted: WantedBatching) -> str:
    found = [field for field in _fields(text, 0, len(text)) if field.name == "dynamic_batching"]
    if wanted.delay_us is None:
        return _without(text, found)
    if not found:
        inside = f" {DELAY}: {wanted.delay_us} " if wanted.delay_us else " "
        return f"{text.rstrip()}\n\ndynamic_batching {{{inside}}}\n"
    (block,) = found
    inner = list(_fields(text, block.value + 1, block.end - 1))
    delays = [field for field in inner if field.name == DELAY]
    gone = [field for field in inner if wanted.unlimited and field.name in LIMITS]
    if not wanted.delay_us:
        return _without(text, [*gone, *delays])
    if delays:
        (delay,) = delays
        changed = f"{text[: delay.value]}{wanted.delay_us}{text[delay.end :]}"
        moved = len(changed) - len(text)
        return _without(changed, [_moved(field, moved) if field.start > delay.start else field for field in gone])
    text = _without(text, gone)
    return _put_first(text, block.value, f"{DELAY}: {wanted.delay_us}")


def _instances(text: str, count: int) -> str:
    groups = [field for field in _fields(text, 0, len(text)) if field.name == "instance_group"]
    blocks = [block for group in groups for block in _messages(text, group)]
    if len(blocks) > 1:
        raise CannotEditError(f"it has {len(blocks)} instance groups, and which of them should grow is not known")
    if not blocks:
        return f"{text.rstrip()}\n\ninstance_group [ {{ count: {count} }} ]\n"
    begin, end = blocks[0]
    for field in _fields(text, begin + 1, end - 1):
        if field.name == "count":
            return f"{text[: field.value]}{count}{text[field.end :]}"
    return _put_first(text, begin, f"count: {count}")


def _moved(field: _Field, by: int) -> _Field:
    return _Field(field.name, field.start + by, field.value + by, field.end + by)


def _put_first(text: str, brace: int, written: str) -> str:
    """`written` as the first field of the message whose brace is at `brace`, on a line of its own where the next one
    is."""
    rest = text[brace + 1 :]
    if (line := re.match(r"[ \t]*(?:#[^\n]*)?\n(?P<indent>[ \t]*)", rest)) is not None:
        indent = line["indent"] if not rest[line.end() :].startswith(("}", ">")) else line["indent"] + "  "
        at = brace + 1 + rest.index("\n") + 1
        return f"{text[:at]}{indent}{written}\n{text[at:]}"
    return f"{text[: brace + 1]} {written}{'' if rest[:1].isspace() else ' '}{rest}"


def _without(text: str, fields: Sequence[_Field]) -> str:
    """Each field gone, with its line where nothing else is on it, and with the blank line that set it apart."""
    for field in sorted(fields, key=lambda one: one.start, reverse=True):
        begin, end = field.start, field.end
        if (separator := re.compile(r"[ \t]*[,;]").match(text, end)) is not None:
            end = separator.end()
        line = text.rfind("\n", 0, begin) + 1
        after = re.compile(r"[ \t]*(\n|$)").match(text, end)
        if after is not None and not text[line:begin].strip():
            begin, end = line, after.end()
            if text[:begin].endswith("\n\n") and (end == len(text) or text[end] == "\n"):
                begin -= 1
        text = text[:begin] + text[end:]
    return text


def _fields(text: str, begin: int, end: int) -> Iterator[_Field]:
    """The fields of the message between `begin` and `end`, not those inside their values."""
    name: tuple[str, int] | None = None
    at = begin
    while at < end:
        token = _at(text, at)
        at = token.end()
        kind, written = token.lastgroup, token.group()
        if kind == "blank" or written in ":,;":
            continue
        if name is None:
            name = (written, token.start())
            continue
        stop = _closing(text, token.start()) if written in "{<[" else token.end()
        if kind == "string":  # strings side by side are one
            while (
                more := re.compile(r"\s*(\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')").match(text, stop)
            ) is not None:
                stop = more.end()
        yield _Field(name[0], name[1], token.start(), stop)
        at, name = stop, None


def _messages(text: str, field: _Field) -> list[tuple[int, int]]:
    """The messages that a field's value is, one or a list of them: from brace to behind brace."""
    if text[field.value] != "[":
        return [(field.value, field.end)]
    found: list[tuple[int, int]] = []
    at = field.value + 1
    while at < field.end - 1:
        token = _at(text, at)
        at = token.end()
        if token.group() in "{<":
            at = _closing(text, token.start())
            found.append((token.start(), at))
    return found


def _closing(text: str, at: int) -> int:
    """Behind the mark that closes the one at `at`."""
    depth = 0
    while at < len(text):
        token = _at(text, at)
        at = token.end()
        if token.lastgroup == "mark":
            depth += (token.group() in "{<[") - (token.group() in "}>]")
            if depth == 0:
                return at
    raise CannotEditError("a bracket is not closed")


def _at(text: str, at: int) -> re.Match[str]:
    token = TOKEN.match(text, at)
    if token is None:
        raise CannotEditError(f"character {text[at]!r} is not understood")
    return token
