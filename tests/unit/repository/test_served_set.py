"""What a server serves is its models, the models that its ensembles call, and exactly their bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.findings import Finding
from planning.repository.reader import read_repository
from planning.repository.served import ServedSet, served_models
from tests.repositories import RepositoryBuilder, identity_config, identity_graph


def served(root: Path, *names: str) -> ServedSet:
    repository, _ = read_repository(root)
    result = served_models(repository, names)
    assert isinstance(result, ServedSet)
    return result


def refused(root: Path, *names: str) -> tuple[Finding, ...]:
    repository, _ = read_repository(root)
    result = served_models(repository, names, field="servers.vision.models")
    assert not isinstance(result, ServedSet)
    return result


def fill(builder: RepositoryBuilder) -> RepositoryBuilder:
    """An ensemble of an ensemble, a Python model, labels, a card and a sample."""
    labelled = identity_config("first").replace('"OUTPUT"', '"OUTPUT" label_filename: "labels.txt"')
    return (
        builder.onnx("first", labelled)
        .files("first", {"labels.txt": "a\nb\nc\nd\n", "README.md": "# card", "sample.json": "{}", "stray.bin": "x"})
        .onnx("second")
        .python("third")
        .files("third", {"vocabulary.txt": "words", "README.md": "# card", "sample.json": "{}"})
        .ensemble("inner", ["first", "second"])
        .ensemble("outer", ["inner", "third"])
        .onnx("other")
    )


def test_an_ensemble_brings_everything_that_it_calls(models: RepositoryBuilder) -> None:
    found = served(fill(models).root, "outer")
    assert [model.name for model in found.models] == ["first", "second", "inner", "third", "outer"]
    assert not any(file.path.parts[0] == "other" for file in found.files)


def test_exactly_what_is_served_is_uploaded(models: RepositoryBuilder) -> None:
    assert [str(file.path) for file in served(fill(models).root, "outer").files] == [
        "first/1/model.onnx",
        "first/config.pbtxt",
        "first/labels.txt",
        "inner/1/.gitkeep",
        "inner/config.pbtxt",
        "outer/1/.gitkeep",
        "outer/config.pbtxt",
        "second/1/model.onnx",
        "second/config.pbtxt",
        "third/1/model.py",
        "third/config.pbtxt",
        "third/vocabulary.txt",
    ]


def test_every_uploaded_file_is_where_it_says_and_as_long(models: RepositoryBuilder) -> None:
    found = served(fill(models).root, "outer")
    assert [file.source.stat().st_size for file in found.files] == [file.size for file in found.files]
    assert found.total_bytes == sum(file.size for file in found.files)


def test_a_version_that_the_policy_leaves_out_is_not_uploaded(models: RepositoryBuilder) -> None:
    models.onnx("digits").onnx("digits", version=2)
    assert [str(file.path) for file in served(models.root, "digits").files] == [
        "digits/2/model.onnx",
        "digits/config.pbtxt",
    ]


def test_what_a_parameter_or_a_warm_up_names_is_uploaded(models: RepositoryBuilder) -> None:
    more = (
        'parameters { key: "table" value { string_value: "tables/words.txt" } }\n'
        'parameters { key: "level" value { string_value: "9/none" } }\n'
        'model_warmup { name: "w" batch_size: 1 inputs { key: "INPUT" value { data_type: TYPE_FP32 dims: 4'
        ' input_data_file: "first.bin" } } }\n'
    )
    models.onnx("digits", identity_config("digits", more=more))
    models.files("digits", {"tables/words.txt": "w", "tables/unused.txt": "u", "warmup/first.bin": b"\0" * 16})
    assert [str(file.path) for file in served(models.root, "digits").files] == [
        "digits/1/model.onnx",
        "digits/config.pbtxt",
        "digits/tables/words.txt",
        "digits/warmup/first.bin",
    ]


def test_a_planned_engine_and_the_ensembles_that_need_it_are_not_served(models: RepositoryBuilder) -> None:
    models.onnx("digits").engine("fast", "digits/1/model.onnx").ensemble("both", ["digits", "fast"])
    found = served(models.root, "both", "digits")
    assert [model.name for model in found.models] == ["digits"]
    assert [model.name for model in found.planned] == ["fast", "both"]


def test_a_server_with_nothing_to_serve_is_refused(models: RepositoryBuilder) -> None:
    models.onnx("digits").engine("fast", "digits/1/model.onnx")
    (finding,) = refused(models.root, "fast")
    assert finding.rule.id == "TU241"
    assert "fast" in finding.what


def test_an_unknown_model_is_refused_by_its_place_in_the_settings(models: RepositoryBuilder) -> None:
    models.onnx("digits")
    (finding,) = refused(models.root, "digits", "digit")
    assert (finding.rule.id, finding.at.field) == ("TU240", "servers.vision.models[1]")
    assert "Did you mean 'digits'?" in finding.fix


def test_a_model_that_could_not_be_read_is_not_reported_twice(models: RepositoryBuilder) -> None:
    models.onnx("digits", config="max_batch_sizes: 3")
    assert refused(models.root, "digits") == ()


def test_ensembles_that_call_each_other_end(models: RepositoryBuilder) -> None:
    models.ensemble("a", ["b"]).ensemble("b", ["a"])
    assert {model.name for model in served(models.root, "a").models} == {"a", "b"}


def test_ensembles_may_be_nested_deeply(models: RepositoryBuilder) -> None:
    models.onnx("e0")
    for depth in range(1, 1200):
        models.ensemble(f"e{depth}", [f"e{depth - 1}"])
    assert len(served(models.root, "e1199").models) == 1200


@given(st.permutations(["outer", "other", "third", "outer"]))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_names_does_not_matter(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = fill(RepositoryBuilder(Path(folder))).root
        one, other = served(root, "outer", "other"), served(root, *names)
        assert (one.digest, one.models, one.files) == (other.digest, other.models, other.files)


@given(times=st.lists(st.integers(0, 2**31), min_size=12, max_size=12), backwards=st.booleans())
@settings(max_examples=10, deadline=None)
def test_the_digest_depends_on_neither_place_nor_time_nor_order(times: list[int], backwards: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = fill(RepositoryBuilder(Path(folder, "here"))).root
        copy = Path(folder, "deeper", "there")
        for path in sorted(root.rglob("*"), reverse=backwards):
            target = copy / path.relative_to(root)
            if path.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        for path, time in zip(sorted(copy.rglob("*")), times, strict=False):
            os.utime(path, (time, time))
        (copy / "first" / "README.md").write_text("another card")
        (copy / "first" / "1" / "__pycache__").mkdir()
        (copy / "first" / "1" / "__pycache__" / "model.pyc").write_bytes(b"byte code")
        assert served(copy, "outer").digest == served(root, "outer").digest


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_any_other_byte_is_another_digest(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = fill(RepositoryBuilder(Path(folder))).root
        before = served(root, "outer")
        target = data.draw(st.sampled_from([file.source for file in before.files]))
        target.write_bytes(target.read_bytes() + b"\n")
        assert served(root, "outer").digest != before.digest


def test_the_same_bytes_under_another_name_are_another_digest(models: RepositoryBuilder) -> None:
    models.onnx("a", config="", graph=identity_graph()).onnx("b", config="", graph=identity_graph())
    assert served(models.root, "a").digest != served(models.root, "b").digest


@pytest.mark.parametrize("name", ["labels.txt", "1/extra.bin"])
def test_another_served_file_is_another_digest(models: RepositoryBuilder, name: str) -> None:
    labelled = identity_config("digits").replace('"OUTPUT"', '"OUTPUT" label_filename: "labels.txt"')
    models.onnx("digits", labelled)
    before = served(models.root, "digits").digest
    models.files("digits", {name: "new"})
    assert served(models.root, "digits").digest != before
