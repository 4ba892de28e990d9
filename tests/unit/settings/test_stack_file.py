"""Reading `Pulumi.<stack>.yaml`: each finding names file and line, and no file makes reading fail."""

from __future__ import annotations

import copy
from pathlib import Path as File

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as search
from hypothesis import strategies as st

from planning.findings import Finding, Place, Rule, Severity, dotted
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from stacks.stackfile import StackFile, read_stack_file
from tests.unit.settings.stack_texts import STACK, Path, Plain, blocks, leaves, put

ROOT = File(__file__).parents[3]


def text_of(settings: Plain) -> str:
    return yaml.safe_dump({"config": {"tritonup:settings": settings}}, sort_keys=False, allow_unicode=True)


def read(folder: File, text: str | bytes) -> StackFile | tuple[Finding, ...]:
    content = text.encode() if isinstance(text, str) else text
    (folder / "Pulumi.test.yaml").write_bytes(content)
    return read_stack_file(folder, "test")


def refused(folder: File, text: str | bytes) -> list[tuple[str, str, int | None]]:
    """Rule, field and line of every finding; all of them name the file."""
    findings = read(folder, text)
    assert isinstance(findings, tuple)
    assert {finding.at.file for finding in findings} == {"Pulumi.test.yaml"}
    return [(finding.rule.id, finding.at.field, finding.at.line) for finding in findings]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> File:
    return tmp_path_factory.mktemp("project")


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_the_stack_files_of_this_project_are_read(stack: str) -> None:
    file = read_stack_file(ROOT, stack)
    assert isinstance(file, StackFile)
    assert (file.stack, file.path.name) == (stack, f"Pulumi.{stack}.yaml")


def test_a_stack_file_is_read_as_the_engine_would_hand_it_over(folder: File) -> None:
    file = read(folder, text_of(STACK))
    assert isinstance(file, StackFile)
    assert file.settings == read_settings(copy.deepcopy(STACK))
    assert isinstance(file.settings, Settings)


@search(max_examples=25)  # PyYAML reads slowly
@given(path=st.sampled_from([*leaves(), *(path for path in blocks() if path)]))
def test_every_field_has_the_line_on_which_it_is_written(folder: File, path: Path) -> None:
    text = text_of(STACK)
    file = read(folder, text)
    assert isinstance(file, StackFile)
    line = text.splitlines()[file.lines[dotted(path)] - 1].strip()
    last = path[-1]
    assert line.removeprefix("- ").startswith(f"{last}:") if isinstance(last, str) else line.startswith("- ")


@search(max_examples=25)  # PyYAML reads slowly
@given(path=st.sampled_from([path for path in leaves() if isinstance(path[-1], str)]))
def test_a_mistake_is_reported_with_its_own_line(folder: File, path: Path) -> None:
    text = text_of(put(path, [None]))
    findings = refused(folder, text)
    for _, field, line in findings:
        assert line is not None
        assert field.startswith(dotted(path).rpartition(".")[0])
        assert f"{path[-1]}:" in text.splitlines()[line - 1]


@search(max_examples=25)  # PyYAML reads slowly
@given(path=st.sampled_from([path for path in blocks() if path and isinstance(path[-1], str)]))
def test_what_is_missing_has_the_line_of_the_block_that_it_is_missing_from(folder: File, path: Path) -> None:
    text = text_of(put(path, {}))
    findings = read(folder, text)
    for finding in findings if isinstance(findings, tuple) else ():
        assert finding.at.line is not None
        assert f"{path[-1]}:" in text.splitlines()[finding.at.line - 1]


def test_a_field_that_is_written_twice_is_refused_at_the_second(folder: File) -> None:
    settings = "    namespace: a\n    cluster:\n      kind: local\n      kind: gke\n    namespace: b\n"
    assert refused(folder, f"config:\n  tritonup:settings:\n{settings}") == [
        ("TU108", "config.tritonup:settings.cluster.kind", 6),
        ("TU108", "config.tritonup:settings.namespace", 7),
    ]


def test_a_field_that_is_written_twice_inside_of_a_list_is_found_too(folder: File) -> None:
    text = "config:\n  tritonup:settings:\n    accept:\n      - rule: TU321\n        rule: TU706\n"
    assert refused(folder, text) == [("TU108", "config.tritonup:settings.accept[0].rule", 5)]


def test_a_stack_that_is_not_there_is_met_with_those_that_are(folder: File) -> None:
    read(folder, text_of(STACK))
    (finding,) = read_findings(folder, "prd")
    assert (finding.rule.id, finding.at.file) == ("TU106", "Pulumi.prd.yaml")
    assert "'prd'" in finding.what
    assert "test" in finding.fix


def test_a_project_without_stacks_says_to_write_one(tmp_path: File) -> None:
    (finding,) = read_findings(tmp_path, "dev")
    assert (finding.rule.id, finding.fix) == ("TU106", "Write that file.")


def read_findings(folder: File, stack: str) -> tuple[Finding, ...]:
    findings = read_stack_file(folder, stack)
    assert isinstance(findings, tuple)
    return findings


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("config:\n\tnamespace: a\n", 2),
        ("config: {a: 1\n", 2),
        ("config:\n  a: [1, 2\n  b: 3\n", 3),
        ("a: 1\n---\nb: 2\n", 2),
        ("config: \x00\n", None),
        (b"config: \xff\n", None),
    ],
    ids=["a tab", "an open brace", "an open bracket", "two documents", "a control character", "not UTF-8"],
)
def test_what_is_not_yaml_is_one_finding_with_its_line(folder: File, text: str | bytes, line: int | None) -> None:
    assert refused(folder, text) == [("TU107", "", line)]


def test_a_folder_in_place_of_a_stack_file_cannot_be_read(tmp_path: File) -> None:
    (tmp_path / "Pulumi.dev.yaml").mkdir()
    (finding,) = read_findings(tmp_path, "dev")
    assert finding.rule.id == "TU107"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "config:\n", "config: {}\n", "- a\n", "text\n", "config: {aws:region: x}\n"]
)
def test_a_file_without_settings_is_one_finding(folder: File, text: str) -> None:
    assert refused(folder, text) == [("TU109", "", None)]


def test_settings_that_are_empty_are_one_finding(folder: File) -> None:
    assert [(rule, field) for rule, field, _ in refused(folder, "config:\n  tritonup:settings:\n")] == [
        ("TU104", "tritonup:settings")
    ]


@pytest.mark.parametrize(
    ("written", "quoted"),
    [("26.08", "26.08"), ("yes", "True"), ("2026-11-21", None), ("1:30", "90"), ("~", "nothing"), ("0x10", "16")],
)
def test_a_value_is_what_yaml_makes_of_it_and_a_date_is_text(folder: File, written: str, quoted: str | None) -> None:
    text = f"config:\n  tritonup:settings:\n    model_repository:\n      directory: {written}\n"
    findings = read(folder, text)
    assert isinstance(findings, tuple)
    about = [finding for finding in findings if finding.at.field == "model_repository.directory"]
    assert [finding.what.partition(" is not text")[0] for finding in about] == ([quoted] if quoted else [])


def test_a_finding_about_the_stack_file_gets_its_file_and_line(folder: File) -> None:
    file = read(folder, text_of(STACK))
    assert isinstance(file, StackFile)
    rule = Rule("TU999", Severity.WARNING, "An example")

    def located(field: str) -> Place:
        return file.locate(Finding(rule=rule, at=Place(field=field), what="w", fix="f")).at

    exact = located("servers.vision.replicas.floor")
    assert (exact.file, exact.line) == ("Pulumi.test.yaml", file.lines["servers.vision.replicas.floor"])
    assert located("servers.vision.start.model_load").line == file.lines["servers.vision"]
    assert located("servers.vision.models[7]").line == file.lines["servers.vision.models"]
    assert located("security.python_models").line is None


BROKEN = {
    "a tag of its own": "namespace: !Ref Stack\n",
    "a number that is none": "namespace: !!int abc\n",
    "a date that is none": "namespace: 2026-13-41\n",
    "an alias of itself": "labels: &here\n      a: *here\n",
    "lists in lists": f"a: {'[' * 500}{']' * 500}\n",
    "a number of 5000 digits": f"a: {'9' * 5000}\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_no_file_makes_reading_fail(folder: File, text: str) -> None:
    assert refused(folder, f"config:\n  tritonup:settings:\n    {text}")


def test_the_name_of_an_alias_is_not_shown(folder: File) -> None:
    """A password that begins with an asterisk, without quotation marks, is one."""
    for text in ("token: *hunter2\n", "token: !hunter2 x\n"):
        findings = read(folder, f"config:\n  tritonup:settings:\n    {text}")
        assert isinstance(findings, tuple)
        assert "hunter2" not in "\n".join(map(str, findings))
