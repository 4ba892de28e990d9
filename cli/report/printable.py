"""Text that came from files and settings, made safe to show."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` on one line. What a terminal or a browser would obey instead of showing it (escape sequences, marks
    that turn the direction of writing) is spelt out, and so is what is no character at all."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in " ".join(text.split())
    )
