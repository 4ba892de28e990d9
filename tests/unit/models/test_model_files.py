"""The example repository is complete, agrees with what makes it, and has nothing to object to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from onnx import ModelProto

from local.sample import ClassSample, NearestSample, Sample, read_sample
from model_sources import digits, encoder
from model_sources.files import REPOSITORY
from model_sources.samples import QUERY, samples, written
from model_sources.sentences import PADDED_TO, embeddings
from planning.repository.checks import check_repository
from planning.repository.config import ModelConfig
from planning.repository.pbtxt import parse_config
from planning.repository.reader import read_repository

MODELS = sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt"))
TOP_LEVEL = re.compile(r"^(\w+)(?=[:\s])", re.MULTILINE)
"""The name of a field of config.pbtxt that is in no other."""

LARGEST_COMMITTED = 2**20
"""Bytes. Anything larger is assembled, not committed."""


def written_config(model: str) -> str:
    return (REPOSITORY / model / "config.pbtxt").read_text()


def config(model: str) -> ModelConfig:
    return parse_config(written_config(model))


def sample(model: str) -> Sample:
    found = read_sample(REPOSITORY / model)
    assert found is not None
    return found


def test_the_repository_holds_what_the_cards_describe() -> None:
    assert sorted(samples()) == MODELS


def test_planning_finds_nothing_wrong_with_the_repository(assembled: None) -> None:
    repository, findings = read_repository(REPOSITORY)
    assert not findings
    assert not check_repository(repository, allow_python={"text_tokenizer"})


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_card_and_a_sample_that_asks_for_what_it_has(model: str) -> None:
    card = (REPOSITORY / model / "README.md").read_text()
    assert card.startswith(f"# {model}\n")
    declared = config(model)
    request = sample(model).request
    assert {tensor.name for tensor in request.inputs} == {tensor.name for tensor in declared.input}
    assert {tensor.name for tensor in request.outputs} <= {tensor.name for tensor in declared.output}


@pytest.mark.parametrize("model", MODELS)
def test_every_setting_is_explained_in_the_models_card(model: str) -> None:
    card = (REPOSITORY / model / "README.md").read_text()
    for field in TOP_LEVEL.findall(written_config(model)):
        if field not in {"name", "input", "output"}:
            assert f"`{field}" in card, field


def test_the_samples_are_the_ones_that_the_source_writes(assembled: None) -> None:
    made = samples()
    for model in MODELS:
        there, wanted = json.loads((REPOSITORY / model / "sample.json").read_text()), json.loads(written(made[model]))
        numbers = [[tensor.pop("data") for tensor in one["request"]["inputs"]] for one in (there, wanted)]
        assert there == wanted
        for found, expected in zip(*numbers, strict=True):
            # Vectors depend in their last digits on the processor that computes them.
            assert found == (expected if isinstance(expected[0], str) else pytest.approx(expected, abs=1e-4))


def test_the_nearest_candidate_of_the_sample_is_the_nearest_by_far(assembled: None) -> None:
    nearest = sample("sentence_embedding")
    assert isinstance(nearest, NearestSample)
    assert nearest.expect is not None
    query, *others = embeddings([QUERY, *nearest.candidates])
    cosines = [float(query @ other) for other in others]
    best = cosines.pop(nearest.expect.nearest)
    assert best > max(cosines) + 0.2


def test_labels_that_samples_expect_are_labels_of_their_models() -> None:
    for model in ("digits", "digits_trt", "topic_head"):
        asked = sample(model)
        assert isinstance(asked, ClassSample)
        assert asked.expect is not None
        labels = (REPOSITORY / model / config(model).output[0].label_filename).read_text().split()
        assert asked.expect.label in labels
        assert len(labels) == config(model).output[0].dims[0]


def test_the_tensorrt_variant_is_the_same_model_from_the_same_source() -> None:
    onnx, tensorrt = config("digits"), config("digits_trt")
    assert list(tensorrt.input) == list(onnx.input)
    assert list(tensorrt.output) == list(onnx.output)
    assert tensorrt.max_batch_size == onnx.max_batch_size
    assert tensorrt.platform == "tensorrt_plan"
    assert tensorrt.parameters["tritonup.engine.precision"].string_value == "fp32"
    source = REPOSITORY / tensorrt.parameters["tritonup.engine.source"].string_value
    assert source == digits.TARGET
    assert (REPOSITORY / "digits_trt" / "labels.txt").read_bytes() == (
        REPOSITORY / "digits" / "labels.txt"
    ).read_bytes()
    assert [path.name for path in (REPOSITORY / "digits_trt" / "1").iterdir()] == [".gitkeep"]


def test_training_pads_as_the_server_pads() -> None:
    assert config("text_tokenizer").parameters["pad_to_multiple_of"].string_value == str(PADDED_TO)


def test_no_step_of_an_ensemble_takes_fewer_rows_than_the_ensemble() -> None:
    for ensemble in ("sentence_embedding", "text_classification"):
        declared = config(ensemble)
        for step in declared.ensemble_scheduling.step:
            assert config(step.model_name).max_batch_size >= declared.max_batch_size


def test_what_is_committed_is_small() -> None:
    ignored = {encoder.TARGET}
    for path in REPOSITORY.rglob("*"):
        if path.is_file() and path not in ignored and path.suffix != ".pyc":
            assert path.stat().st_size <= LARGEST_COMMITTED, path


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("*/1/model.onnx")), ids=lambda path: path.parts[-3])
def test_old_servers_and_tensorrt_can_read_the_graphs(path: Path) -> None:
    made = ModelProto.FromString(path.read_bytes())
    assert made.ir_version <= 8
    assert [(use.domain, use.version) for use in made.opset_import] == [("", 17)]
