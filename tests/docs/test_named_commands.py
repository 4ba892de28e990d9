"""Every command that a page tells users to run exists, with its options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from doc_pages import ROOT, pages
from typer.core import TyperGroup

from cli.main import app

COMMAND = re.compile(r"(?<![\w./-])(?:uv run |\.venv/bin/)?(tritonup|make) (?=[a-z-])([^`\n]*)")


def commands(page: Path) -> Iterator[str]:
    """In code: fenced lines without their prompt and their comment, and code spans."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in fenced for line in block.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    for code in (*lines, *spans):
        if found := COMMAND.match(code):
            yield f"{found[1]} {found[2].partition(' #')[0]}"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def unknown(command: str) -> str | None:
    """What of `command` does not exist."""
    program, *words = shlex.split(re.split(r" [|>&;]", command)[0])
    if program == "make":
        goals = [word for word in words if "=" not in word]
        return next((goal for goal in goals if goal not in targets()), None)
    here = typer.main.get_command(app)
    for word in words:
        option = word.partition("=")[0]
        if option.startswith("-"):
            if option not in {name for one in here.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}:
                return word
        elif isinstance(here, TyperGroup):
            if word.strip(",.") not in here.commands:
                return word
            _, here, _ = here.resolve_command(typer.Context(here), [word.strip(",.")])
    return None


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_exists(page: Path) -> None:
    assert {command: what for command in commands(page) if (what := unknown(command))} == {}


def test_the_readme_names_every_make_target_and_every_subcommand() -> None:
    named = {tuple(command.split()[:2]) for command in commands(ROOT / "README.md")}
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    subcommands = {("tritonup", name) for name in group.commands}
    assert {("make", name) for name in targets()} - named == set()
    assert subcommands - named == set()
