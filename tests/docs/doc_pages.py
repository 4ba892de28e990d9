"""The pages of the documentation and the rules of the code, as the tests compare them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RULE_PAGES = ROOT / "docs" / "rules"
CODE = ("planning", "stacks", "components", "publishing", "local", "cli")


@dataclass(frozen=True, slots=True)
class DeclaredRule:
    """A `Rule(...)` as it stands in the code, found without importing it."""

    id: str
    title: str
    file: Path


def declared_rules() -> list[DeclaredRule]:
    return [rule for folder in CODE for path in sorted((ROOT / folder).rglob("*.py")) for rule in _rules_in(path)]


def _rules_in(path: Path) -> Iterator[DeclaredRule]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Name(id="Rule"), args=[ast.Constant(value=str(rule)), _, ast.Constant(value=str(title))]
            ):
                yield DeclaredRule(rule, title, path)
            case _:
                pass


def pages() -> list[Path]:
    """Every Markdown page of ours."""
    kept = ("docs", "model_repository", "benchmarks", "tests")
    below = [path for folder in kept for path in sorted((ROOT / folder).rglob("*.md"))]
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *below]


def without_code(text: str) -> str:
    """`text` without fenced blocks and code spans, whose brackets are not links."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def fences(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    return re.findall(r"^#{1,6} (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


def holds(whole: Any, part: Any) -> bool:
    """Whether `part` is `whole` with some fields and list entries left out."""
    match whole, part:
        case dict(), dict():
            return all(key in whole and holds(whole[key], value) for key, value in part.items())
        case list(), list():
            rest = iter(whole)
            return all(any(holds(one, wanted) for one in rest) for wanted in part)
        case _:
            return bool(whole == part)
