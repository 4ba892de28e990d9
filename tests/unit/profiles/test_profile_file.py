"""What was written is what is read; what was not written so is said, and never served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planning.profiles.file import NotAProfileError, read_profile, written
from planning.repository.reader import read_repository
from tests.profiles import L4, PROCESSOR, profile
from tests.repositories import RepositoryBuilder


def test_a_profile_is_read_as_it_was_written() -> None:
    for hardware in (L4, PROCESSOR):
        kept = profile("digits", hardware=hardware)
        assert read_profile(written(kept)) == kept


def test_the_file_is_named_by_its_hardware() -> None:
    assert profile("digits", hardware=L4).filename == "profile.nvidia-l4.json"
    assert profile("digits", hardware=PROCESSOR).filename == "profile.cpu.json"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"format": "tritonup.profile/2"}, "format"),
        ({"digest": "x"}, "digest"),
        ({"measured": []}, "measured"),
        ({"surprise": 1}, "surprise"),
        ({"hardware": {"kind": "abacus"}}, "hardware"),
    ],
)
def test_a_field_that_is_wrong_is_named(change: dict[str, object], word: str) -> None:
    body = {**json.loads(written(profile("digits"))), **change}
    with pytest.raises(NotAProfileError, match=word):
        read_profile(json.dumps(body))


def test_what_is_no_json_is_no_profile() -> None:
    with pytest.raises(NotAProfileError, match="the file"):
        read_profile(b"\xff not json")


def test_a_model_has_the_profiles_that_lie_beside_it_and_serves_none_of_them(tmp_path: Path) -> None:
    of = {name: profile(name, hardware=PROCESSOR) for name in ("code", "graph")}
    files = {name: {one.filename: written(one)} for name, one in of.items()}
    builder = RepositoryBuilder(tmp_path).python("code").onnx("graph")
    builder.files("code", files["code"]).files("graph", files["graph"])
    read, findings = read_repository(tmp_path)
    assert findings == ()
    for name, kept in of.items():
        assert read.models[name].profiles == (kept,)
        assert not [file for file in read.models[name].all_files if "profile" in file.path.name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("profile.cpu.json", "{}"),
        ("profile.cpu.json", written(profile("other", hardware=PROCESSOR))),
        ("profile.nvidia-l4.json", written(profile("graph", hardware=PROCESSOR))),
    ],
    ids=["no profile", "another model's", "other hardware's"],
)
def test_what_cannot_be_used_is_one_finding_with_the_file(tmp_path: Path, name: str, text: str) -> None:
    RepositoryBuilder(tmp_path).onnx("graph").files("graph", {name: text})
    read, (finding,) = read_repository(tmp_path)
    assert finding.rule.id == "TU219"
    assert finding.at.file.endswith(f"graph/{name}")
    assert read.models["graph"].profiles == ()
