"""A page of the documentation whose figures stand between marks, `<!-- name -->` and `<!-- /name -->`; its prose is by
hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def fill(page: Path, blocks: Mapping[str, str]) -> None:
    """Put each block between the marks of its name. ValueError where the page has not exactly one such place."""
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        text, count = re.subn(
            f"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda found, block=block: f"{found[1]}{block}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"{page.name} has {count} places marked {name!r}")
    page.write_text(text, encoding="utf-8")
