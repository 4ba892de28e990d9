"""Whatever stands in `hub.lock.json`, it is a lock or every mistake is told; and files are what it notes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.repository.hub_lock import (
    LOCK,
    HubLock,
    HubLockError,
    LockedFile,
    LockedFolder,
    Mistake,
    hub_lock_text,
    parse_hub_lock,
)
from tests.repositories import RepositoryBuilder, findings_of, identity_config

SOURCE = f"hf://acme/tiny@{'3f' * 20}"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\", categories=["L", "N", "P", "S"]), min_size=1
).filter(lambda name: name not in {".", ".."})
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.builds(
    LockedFile,
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
    size=st.integers(min_value=0, max_value=2**62),
)
FOLDERS = st.builds(LockedFolder, source=st.just(SOURCE), files=st.dictionaries(PATHS, FILES, max_size=3))
LOCKS = st.builds(HubLock, folders=st.dictionaries(PATHS, FOLDERS, max_size=3))


def replaced(value: object, path: list[int], new: object) -> object:
    """`value` with `new` at one place in it; `path` says which, however deep it goes."""
    if not path or not isinstance(value, dict) or not value:
        return new
    key = list(value)[path[0] % len(value)]
    return {**value, key: replaced(value[key], path[1:], new)}


def parsed(text: bytes) -> HubLock | tuple[Mistake, ...]:
    try:
        return parse_hub_lock(text)
    except HubLockError as refused:
        return refused.mistakes


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_no_lock_is_told_as_sentences(text: bytes) -> None:
    found = parsed(text)
    assert isinstance(found, HubLock) or found
    if not isinstance(found, HubLock):
        assert all(mistake.what.endswith(".") and mistake.what.isprintable() for mistake in found)


@given(LOCKS)
def test_what_is_written_is_read_again(lock: HubLock) -> None:
    assert parse_hub_lock(hub_lock_text(lock).encode()) == lock


@given(LOCKS, st.lists(st.integers(0, 7), max_size=5), JSON, st.text(max_size=12))
def test_a_lock_with_anything_in_one_place_never_leads_out_of_the_repository(
    lock: HubLock, path: list[int], new: object, name: str
) -> None:
    changed = replaced(json.loads(hub_lock_text(lock)), path, new)
    folder = {"source": SOURCE, "files": {name: {"sha256": "0" * 64, "size": 1}}}
    for value in (changed, {"folders": {name: folder}}, {"folders": {"llm": folder}}):
        read = parsed(json.dumps(value).encode())
        for below, locked in read.folders.items() if isinstance(read, HubLock) else ():
            for file in locked.files:
                place = os.path.normpath(PurePosixPath("/repository", below, file))
                assert place.startswith(f"/repository/{os.path.normpath(below)}/")


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/", "/etc/passwd", "a//b", "./a", "a/.", "a/", "a/../b", "../a", "a\\b", "a\0b", "a\nb"]
)
def test_a_path_is_written_in_one_way_and_leads_inside(path: str) -> None:
    files = {"sha256": "0" * 64, "size": 1}
    as_folder = {"folders": {path: {"source": SOURCE, "files": {}}}}
    as_file = {"folders": {"llm": {"source": SOURCE, "files": {path: files}}}}
    for value in (as_folder, as_file):
        found = parsed(json.dumps(value).encode())
        assert isinstance(found, tuple)
        assert "is no path to something inside" in found[0].what


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        ({"version": 2}, "version", "2 will not do"),
        ({"folder": {}}, "folder", "not known"),
        ({"folders": {"../llm": {}}}, 'folders["../llm"]', "'../llm' is no path to something inside"),
        ({"folders": {"llm": {"source": SOURCE}}}, 'folders["llm"].files', "missing"),
        ({"folders": {"llm": {"source": "s3://b", "files": {}}}}, 'folders["llm"].source', "'s3://b'"),
        (
            {"folders": {"llm": {"source": SOURCE, "files": {"a": {"sha256": "0" * 64, "size": "7"}}}}},
            'folders["llm"].files["a"].size',
            "'7' will not do",
        ),
        (
            {"folders": {"llm": {"source": SOURCE, "files": {"a": {"sha256": "0" * 63, "size": 7}}}}},
            'folders["llm"].files["a"].sha256',
            "pattern",
        ),
    ],
)
def test_a_mistake_names_its_field_and_its_value(value: object, field: str, words: str) -> None:
    with pytest.raises(HubLockError) as refused:
        parse_hub_lock(json.dumps(value).encode())
    assert words in {mistake.field: mistake.what for mistake in refused.value.mistakes}[field]


CONTENT = b"\0" * 16


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def fetched(models: RepositoryBuilder) -> RepositoryBuilder:
    """A model with a file that is served, and a version that is not."""
    config = identity_config("digits", more="version_policy: { latest { num_versions: 1 } }")
    models.onnx("digits", config).onnx("digits", config, version=2)
    models.files("digits", {"1/table.bin": CONTENT, "2/table.bin": CONTENT, "2/.gitattributes": "*"})
    noted = {"sha256": sha256(CONTENT), "size": len(CONTENT)}
    hidden = {"sha256": sha256(b"*"), "size": 1}
    folders = {
        "digits/1": {"source": SOURCE, "files": {"table.bin": noted}},
        "digits/2": {"source": SOURCE, "files": {"table.bin": noted, ".gitattributes": hidden}},
    }
    (models.root / LOCK).write_text(json.dumps({"version": 1, "folders": folders}))
    return models


def told(models: RepositoryBuilder) -> list[tuple[str, str, str]]:
    return [
        (finding.rule.id, str(Path(finding.at.file).relative_to(models.root)), finding.what)
        for finding in findings_of(models.root)
    ]


def test_what_lies_as_it_came_is_no_finding(fetched: RepositoryBuilder) -> None:
    assert told(fetched) == []


def test_a_byte_that_was_changed_in_what_is_served_is_found(fetched: RepositoryBuilder) -> None:
    other = b"\1" + CONTENT[1:]
    fetched.files("digits", {"2/table.bin": other})
    ((rule, at, what),) = told(fetched)
    assert (rule, at) == ("TU956", "digits/2/table.bin")
    assert what == (
        f"digits/2/table.bin has the SHA-256 {sha256(other)[:12]}…, and hub.lock.json"
        f" notes 16 bytes with the SHA-256 {sha256(CONTENT)[:12]}… from {SOURCE}."
    )


@pytest.mark.parametrize("path", ["1/table.bin", "2/table.bin", "2/.gitattributes"])
def test_another_size_is_found_in_what_is_served_and_what_is_not(fetched: RepositoryBuilder, path: str) -> None:
    fetched.files("digits", {path: CONTENT + b"\0"})
    ((rule, at, what),) = told(fetched)
    assert (rule, at) == ("TU956", f"digits/{path}")
    assert "has 17 bytes" in what


def test_a_file_that_is_gone_is_found(fetched: RepositoryBuilder) -> None:
    (fetched.root / "digits/1/table.bin").unlink()
    ((rule, at, what),) = told(fetched)
    assert (rule, at) == ("TU956", "digits/1/table.bin")
    assert "is not there" in what


def test_a_folder_that_was_never_fetched_is_one_finding(fetched: RepositoryBuilder) -> None:
    for name in ("table.bin", ".gitattributes"):
        (fetched.root / "digits/2" / name).unlink()
    assert [(at, what) for _, at, what in told(fetched)] == [
        ("digits/2", f"None of the 2 files is there that {LOCK} notes for digits/2 from {SOURCE}.")
    ]


def test_a_link_out_of_the_repository_is_no_file_that_came(fetched: RepositoryBuilder, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(CONTENT)
    file = fetched.root / "digits/1/table.bin"
    file.unlink()
    file.symlink_to(tmp_path / "outside")
    assert ("TU956", "digits/1/table.bin") in [(rule, at) for rule, at, _ in told(fetched)]


def test_files_of_a_model_that_cannot_be_read_are_looked_at_too(fetched: RepositoryBuilder) -> None:
    fetched.files("digits", {"config.pbtxt": "nonsense", "2/table.bin": b""})
    assert [(rule, at) for rule, at, _ in told(fetched)] == [
        ("TU203", "digits/config.pbtxt"),
        ("TU956", "digits/2/table.bin"),
    ]


def test_a_lock_that_cannot_be_read_is_a_finding_for_each_mistake(fetched: RepositoryBuilder) -> None:
    (fetched.root / LOCK).write_text('{"version": 2, "folder": {}}')
    found = findings_of(fetched.root)
    assert [(finding.rule.id, finding.at.field) for finding in found] == [("TU955", "version"), ("TU955", "folder")]
    assert all("tritonup models add" in finding.fix for finding in found)


def test_a_directory_in_the_place_of_the_lock_is_a_finding(fetched: RepositoryBuilder) -> None:
    (fetched.root / LOCK).unlink()
    (fetched.root / LOCK).mkdir()
    assert "TU955" in [rule for rule, _, _ in told(fetched)]
