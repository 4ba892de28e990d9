"""What a finding may quote of a stack file.

People paste tokens into the wrong line, and a finding ends up in a CI log. So a value is quoted only where the
field is known and neither the field's name nor the value itself looks like a secret; the same holds for keys.
A password that reads like a plain word cannot be told from a misspelt value, and is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from planning.findings import dotted

NOT_SHOWN = "(not shown)"

_LONGEST = 60
"""Characters of a value that are quoted at the most."""

_SECRET_NAME = re.compile(r"(?i)(secret|token|password|passwd|credential|api_?key|private|secure)")

_SECRET_VALUE = re.compile(
    r"(?=[A-Za-z0-9+/_=]*[0-9])(?=[A-Za-z0-9+/_=]*[A-Za-z])[A-Za-z0-9+/_=]{16,}"  # what random bytes are written in
    r"|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"  # a UUID
    r"|(AKIA|ASIA)[A-Z0-9]|gh[a-z]_|github_pat_|glpat-|hf_[A-Za-z]|nvapi-|pul-[0-9a-f]|sk-|xox[a-z]-|eyJ|-----BEGIN"
)


def looks_secret(text: str) -> bool:
    """Whether `text` holds something like a key: a long run of letters mixed with digits, or an issuer's prefix."""
    return _SECRET_VALUE.search(text) is not None


def shown_path(path: Iterable[str | int]) -> str:
    """`path` as findings write it, without keys that look like secrets."""
    return dotted(NOT_SHOWN if isinstance(part, str) and looks_secret(part) else part for part in path)


def quoted(value: object, path: Iterable[str | int]) -> str:
    """`value`, which stands at `path`, as a sentence can hold it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    if any(_SECRET_NAME.search(str(part)) for part in path) or looks_secret(text):
        return f"the value {NOT_SHOWN}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
