"""Editors complete and check stack files by a schema that says what reading says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from planning.settings.quantities import Cpu, Duration, Memory
from stacks.schema import SCHEMA_FILE, schema_text
from tests.unit.planning.drawn_stacks import healthy_stacks
from tests.unit.planning.world import Raw
from tests.unit.settings.stack_texts import STACK, Path, Plain, put

jsonschema = pytest.importorskip("jsonschema")

ROOT = File(__file__).parents[3]
SCHEMA: dict[str, Any] = json.loads(schema_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
STACK_FILES = sorted(ROOT.glob("Pulumi.*.yaml"))
every_stack_file = pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)


def errors(settings: Plain) -> list[str]:
    whole = {"config": {"tritonup:settings": settings}}
    return [error.json_path for error in VALIDATOR.iter_errors(whole)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_in_the_repository_is_the_one_that_the_settings_make() -> None:
    """Mend it by `tritonup schema --write`."""
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


def test_there_are_stack_files() -> None:
    assert {"Pulumi.dev.yaml", "Pulumi.local.yaml", "Pulumi.prod.yaml"} <= {file.name for file in STACK_FILES}


@every_stack_file
def test_a_stack_file_keeps_to_the_schema(file: File) -> None:
    VALIDATOR.validate(yaml.safe_load(file.read_text(encoding="utf-8")))


@every_stack_file
def test_a_stack_file_names_the_schema_in_its_first_line(file: File) -> None:
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert (file.parent / SCHEMA_FILE).is_file()


@given(healthy_stacks())
def test_what_planning_takes_the_schema_takes(raw: Raw) -> None:
    assert errors(raw) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("namspace",), "inference"),
        (("namespace",), "Inference"),
        (("cluster", "cluster", "zones"), ["us-central1-a", "us-central1-a"]),
        (("cluster", "cluster", "spot_notice"), 60),
        (("cluster", "cluster", "kind"), "aks"),
        (("gpu_pools", "steady", "gpu"), "nvidia-rtx"),
        (("servers", "vision", "release"), 26.08),
        (("servers", "vision", "resources", "memory"), "4GB"),
        (("servers", "vision", "replicas"), {"floor": 0, "ceiling": 1}),
        (("servers", "vision", "drain"), {"slowest_request": "10"}),
        (("servers", "vision", "gpu", "pools"), []),
        (("accept", 0, "reason"), "short"),
    ],
    ids=str,
)
def test_an_editor_marks_what_reading_refuses(path: Path, value: Plain) -> None:
    assert errors(STACK) == []
    assert errors(put(path, value))


def defaults(schema: Any, path: str = "$") -> Iterator[tuple[str, Any, Any]]:
    """Place, schema and value of every default."""
    if isinstance(schema, dict):
        node = cast("dict[str, Any]", schema)
        if "default" in node and not isinstance(node["default"], type(None)):
            yield path, node, node["default"]
        for key, inner in node.items():
            if key != "default":
                yield from defaults(inner, f"{path}.{key}")
    elif isinstance(schema, list):
        for index, inner in enumerate(cast("list[Any]", schema)):
            yield from defaults(inner, f"{path}[{index}]")


def test_a_default_is_written_as_a_stack_file_would_say_it() -> None:
    """An editor writes it where it completes a field."""
    resolve = {"$defs": SCHEMA["$defs"]}
    wrong = [
        (path, value)
        for path, schema, value in defaults(SCHEMA)
        if not jsonschema.Draft202012Validator({**schema, **resolve}).is_valid(value)
    ]
    assert not wrong


@given(st.sampled_from((Memory, Cpu, Duration)), st.data())
def test_a_pattern_of_the_schema_is_that_of_the_value(kind: Any, data: st.DataObject) -> None:
    text = data.draw(st.one_of(st.from_regex(kind.pattern, fullmatch=True), st.text(max_size=6)))
    schema = kind.__get_pydantic_json_schema__(None, None)
    assert jsonschema.Draft202012Validator(schema).is_valid(text) == bool(re.fullmatch(kind.pattern, text))
