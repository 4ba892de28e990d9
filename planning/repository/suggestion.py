"""Naming what somebody probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 20


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, ignoring case, or None where none is near."""
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    found = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'? ` with its trailing blank, or nothing."""
    found = nearest(word, known)
    return f"Did you mean {found!r}? " if found else ""


def listed(names: Iterable[str]) -> str:
    """The first of `names` in order, and how many more there are; `none` where there is none."""
    ordered = sorted(names)
    more = len(ordered) - _LISTED
    return ", ".join(ordered[:_LISTED]) + (f" and {more} more" if more > 0 else "") or "none"
