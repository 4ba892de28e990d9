"""Commands that are imported when they are called: what lists say of them is how their own help begins."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from cli import main, models
from cli.main import app

GROUPS = {(): main.COMMANDS, ("models",): models.COMMANDS}

COMMANDS = [(*group, name) for group, commands in GROUPS.items() for name in commands]


def resolved(*words: str) -> typer.core.TyperCommand | TyperGroup:
    here = typer.main.get_command(app)
    for word in words:
        assert isinstance(here, TyperGroup)
        _, found, rest = here.resolve_command(typer.Context(here), [word])
        assert rest == []
        here = found
    assert isinstance(here, typer.core.TyperCommand | TyperGroup)
    return here


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_line_of_a_command_is_the_first_sentence_of_its_help(words: tuple[str, ...]) -> None:
    *group, name = words
    _, line = GROUPS[tuple(group)][name]
    text = " ".join((resolved(*words).help or "").split())
    assert f"{text} ".startswith(f"{line} ")
    assert ". " not in line


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_is_called_by_the_name_that_lists_show(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], prog_name="tritonup")
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: tritonup {' '.join(words)} ")


def test_a_mistyped_command_is_named_with_what_was_probably_meant() -> None:
    told = CliRunner().invoke(app, ["models", "pul"])
    assert told.exit_code == 2
    assert "Did you mean 'pull'" in told.output
