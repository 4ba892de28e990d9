"""`config.pbtxt` as text: what is wrong with it is said, and where each field is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.repository.lines import line_of
from planning.repository.pbtxt import ConfigSyntaxError, parse_config
from tests.repositories import RepositoryBuilder, ensemble_config, findings_of, identity_config

HEALTHY = identity_config("model") + "instance_group [ { kind: KIND_GPU count: 2 } ]\nversion_policy { all { } }\n"

MISTAKES = [
    ("max_batch_sizes: 8", "max_batch_sizes", "Did you mean 'max_batch_size'?"),
    ('input { nam: "a" }', "nam", "Did you mean 'name'?"),
    ("input { data_type: TYPE_BYTES }", "", "Did you mean 'TYPE_STRING'?"),
    ("input { data_type: FP32 }", "", "Did you mean 'TYPE_FP32'?"),
    ("instance_group { kind: GPU }", "", "Did you mean 'KIND_GPU'?"),
    ("input { dims: [ 1 2 ] }", "", "text format"),
    ('max_batch_size: "eight"', "", "text format"),
    ("input { ", "", "text format"),
    ("dynamic_batching { } sequence_batching { }", "sequence_batching", "Keep one of"),
    ("max_batch_size: 1 max_batch_size: 2", "max_batch_size", "Keep one"),
    ('name: "\\377"', "", "text format"),
]


@pytest.mark.parametrize(("text", "field", "fix"), MISTAKES, ids=[text for text, _, _ in MISTAKES])
def test_a_mistake_is_named_with_its_line_and_a_fix(text: str, field: str, fix: str) -> None:
    with pytest.raises(ConfigSyntaxError) as caught:
        parse_config(f"# a comment\n\n{text}\n")
    assert caught.value.line >= 3
    assert caught.value.field == field
    assert fix in caught.value.fix


def test_an_unknown_field_is_found_in_its_file_and_line(models: RepositoryBuilder) -> None:
    models.onnx("digits", identity_config("digits", more="max_batch_sizes: 3\n"))
    (finding,) = findings_of(models.root)
    assert finding.rule.id == "TU203"
    assert finding.at.file == (models.root / "digits" / "config.pbtxt").as_posix()
    assert (finding.at.line, finding.at.field) == (6, "max_batch_sizes")


def test_a_config_that_is_not_utf_8_is_a_finding(models: RepositoryBuilder) -> None:
    models.onnx("digits").files("digits", {"config.pbtxt": b'name: "digits"\n# caf\xe9\n'})
    (finding,) = findings_of(models.root)
    assert (finding.rule.id, finding.at.line) == ("TU203", 2)
    assert "UTF-8" in finding.fix


_WORDS = st.sampled_from(
    [*"{}[]<>:;,\"'\\#\n", "name", "input", "dims", '"\\377"', "TYPE_FP32", "1e999", "-1", "08", "[a.b/c]", "key"]
)


def mistake_in(text: str) -> ConfigSyntaxError | None:
    try:
        parse_config(text)
    except ConfigSyntaxError as mistake:
        return mistake
    return None


@given(st.lists(_WORDS, max_size=30).map(" ".join))
def test_no_text_is_more_than_a_mistake(text: str) -> None:
    mistake = mistake_in(text)
    if mistake is not None:
        assert mistake.what
        assert mistake.fix
        assert 1 <= mistake.line <= text.count("\n") + 1


@given(st.integers(0, len(HEALTHY)), st.integers(0, 12), st.text(max_size=4))
def test_no_damage_to_a_config_is_more_than_a_mistake(start: int, length: int, instead: str) -> None:
    text = HEALTHY[:start] + instead + HEALTHY[start + length :]
    mistake = mistake_in(text)
    lines = range(1, text.count("\n") + 2)
    if mistake is not None:
        assert mistake.line in lines
    else:
        assert line_of(text, "input[0].dims") in (None, *lines)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6), st.booleans())
def test_a_field_is_found_on_the_line_that_it_is_written_on(entries: list[tuple[int, bool]], in_list: bool) -> None:
    """Messages are repeated as a list or field by field, with blank lines and comments between."""
    lines = ['name: "x" # input { dims: 1 }']
    expected: list[int] = []
    if in_list:
        lines.append("input [")
    for index, (blank, colon) in enumerate(entries):
        lines += ["# } dims"] * blank
        lines.append(f'{"" if in_list else "input" + (":" if colon else "")} {{ name: "a}}{index}"')
        lines.append("  dims: [ 1,")
        expected.append(len(lines))
        lines.append(f"  {index} ] }}{',' if in_list and index + 1 < len(entries) else ''}")
    if in_list:
        lines.append("]")
    text = "\n".join(lines)
    parse_config(text)
    assert [line_of(text, f"input[{index}].dims") for index in range(len(entries))] == expected


def test_a_map_entry_is_found_by_its_key() -> None:
    text = ensemble_config("both", ["first", "second"])
    (line,) = (
        number for number, line in enumerate(text.splitlines(), 1) if 'value: "between_1"' in line and "output" in line
    )
    assert line_of(text, 'ensemble_scheduling.step[0].output_map["OUTPUT"]') == line


def test_a_field_that_is_left_out_is_placed_at_what_holds_it() -> None:
    text = 'name: "x"\ninput {\n name: "a"\n}\n'
    assert line_of(text, "input[0].reshape.shape") == 2
    assert line_of(text, "version_policy.latest") is None
