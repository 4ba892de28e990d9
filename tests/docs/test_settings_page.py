"""docs/settings.md lists the fields of the settings, all of them and as they are."""

from __future__ import annotations

from collections.abc import Iterator

from doc_pages import ROOT
from typer.testing import CliRunner

from cli.main import app
from planning.settings.root import Settings
from stacks.settings_reference import REFERENCE_FILE, reference_text

PAGE = ROOT / REFERENCE_FILE


def _fields(schema: object) -> Iterator[str]:
    match schema:
        case dict():
            for name, inner in schema.get("properties", {}).items():
                if name != "kind":
                    yield name
                yield from _fields(inner)
            for inner in schema.get("$defs", {}).values():
                yield from _fields(inner)
        case _:
            pass


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_text(), "run `tritonup schema --markdown --write`"


def test_the_page_has_a_row_for_every_field_of_every_block() -> None:
    text = reference_text()
    rows = [line.partition("`")[2].partition("`")[0] for line in text.splitlines() if line.startswith("| `")]
    fields = list(_fields(Settings.model_json_schema()))
    assert sorted(rows) == sorted(fields)


def test_defaults_are_written_as_a_stack_file_writes_them() -> None:
    text = reference_text()
    assert "| `slowest_request` | [Duration](#values) | `10s` |" in text


def test_the_command_prints_the_page() -> None:
    assert CliRunner().invoke(app, ["schema", "--markdown"]).stdout == reference_text()
