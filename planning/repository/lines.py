"""Where each field of a text-format message is, so that a finding names a line.

protobuf's own parser forgets positions. This one keeps nothing else: it runs only on a text that has
already been parsed, and only when there is something to report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<word>[\w.+-]+)|(?P<mark>.)"""
)
_LAST_PART = re.compile(r'(\["[^"]*"\]|\[\d+\]|\.?[^.\[\]]+)$')


def line_of(text: str, field: str) -> int | None:
    """The line (1 is the first) of `field`, or of the nearest message around it that the text has.

    `field` is a dotted path: `instance_group[1].gpus`, `parameters["key"]`. None where not even its
    first part is there.
    """
    places = _places(text)
    field = field.replace("[0]", "")
    while field and field not in places:
        field = _LAST_PART.sub("", field)
    return places.get(field)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is `string`, `word` or `mark`; `line` counts from 1."""

    kind: str
    text: str
    line: int


_END = Token("end", "", 0)


def tokens(text: str) -> list[Token]:
    """What `text` is made of, without blanks and comments."""
    found: list[Token] = []
    line = 1
    for match in TOKEN.finditer(text):
        kind = match.lastgroup or "mark"
        if kind != "blank":
            found.append(Token(kind, match.group(), line))
        line += match.group().count("\n")
    return found


@lru_cache(maxsize=8)
def _places(text: str) -> Mapping[str, int]:
    reader = _Reader(tokens(text))
    reader.fields("")
    return reader.places


@dataclass(slots=True)
class _Reader:
    """Recursive descent over the grammar of protobuf.dev/reference/protobuf/textformat-spec."""

    tokens: list[Token]
    at: int = 0
    places: dict[str, int] = field(default_factory=dict[str, int])
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def take(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def fields(self, owner: str) -> None:
        """The fields of one message up to its closing mark; `owner` is its path with a dot, or empty."""
        while (token := self.peek()) is not _END and token.text not in ("}", ">"):
            self.take()
            if token.kind != "word":
                continue
            path = f"{owner}{token.text}"
            self.places.setdefault(path, token.line)
            if self.peek().text == ":":
                self.take()
            if token.text == "key" and self.peek().kind == "string":
                entries = re.sub(r"(\[\d+\])?\.$", "", owner)
                self.places.setdefault(f'{entries}["{self.peek().text[1:-1]}"]', token.line)
            self.value(path, token.line)

    def value(self, path: str, line: int) -> None:
        """One value, or a list of them; `line` is where the message that holds it begins."""
        token = self.peek()
        if token.text == "[" and token.kind == "mark":
            self.take()
            while (item := self.peek()) is not _END and item.text != "]":
                self.value(path, item.line)
            self.take()
        elif token.text in ("{", "<") and token.kind == "mark":
            self.take()
            index = self.counts[path] = self.counts.get(path, -1) + 1
            # The first of a repeated field and a field that is not repeated are written alike: "[0]" is
            # left out of every path, here and in `line_of`.
            item = f"{path}[{index}]" if index else path
            self.places.setdefault(item, line)
            self.fields(f"{item}.")
            self.take()
        else:
            self.take()
            while token.kind == "string" and self.peek().kind == "string":
                self.take()
