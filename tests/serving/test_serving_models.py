"""Every model of the example repository gives its right answer from a real Triton, over both protocols."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from serving_workplace import PROJECT, Workplace
from small_models import doubling

from local.ask import Asker
from local.client import Wire
from local.sample import SAMPLE_FILE, read_sample
from local.triton import RunningTriton

REPOSITORY = PROJECT / "model_repository"
MODELS = sorted(config.parent for config in REPOSITORY.glob("*/config.pbtxt"))
ASSEMBLED = REPOSITORY / "text_encoder" / "1" / "model.onnx"
NEEDS_ENCODER = {"text_encoder", "sentence_embedding", "text_classification"}


@pytest.fixture(scope="module")
def triton(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> RunningTriton:
    here = tmp_path_factory.mktemp("models")
    models = [model for model in MODELS if ASSEMBLED.exists() or model.name not in NEEDS_ENCODER]
    return workplace.start_ready([*models, doubling(here)])


@pytest.mark.parametrize("wire", Wire)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_gives_the_answer_that_its_sample_expects(triton: RunningTriton, model: Path, wire: Wire) -> None:
    left_out = {one.model: one.because for one in triton.prepared.left_out}
    if model.name in left_out:
        pytest.skip(left_out[model.name])
    if model.name not in triton.prepared.staging.served:
        pytest.skip("`make models` has not assembled text_encoder")
    sample = read_sample(model)
    assert sample is not None
    assert sample.expect is not None
    with Asker(triton.prepared.ports, wire) as asker:
        answer = asker.ask(model.name, sample)
    assert answer.fault is None
    assert answer.answered


def test_only_tensorrt_models_are_left_out(triton: RunningTriton) -> None:
    assert {one.model for one in triton.prepared.left_out} == {"digits_trt"}


@pytest.mark.parametrize("wire", Wire)
def test_a_model_without_a_sample_is_asked_zeros_and_says_so(triton: RunningTriton, wire: Wire) -> None:
    with Asker(triton.prepared.ports, wire) as asker:
        answer = asker.ask("doubling", None)
    assert (answer.asked, answer.answered, answer.fault) == (
        "zeros, for it has no sample.json",
        "Y [1, 2]: 0, 0",
        None,
    )


@pytest.mark.parametrize("wire", Wire)
@pytest.mark.parametrize(
    ("model", "expect", "fault"),
    [
        ("digits", {"label": "3"}, "label is '7', expected '3'"),
        ("text_pooling", {"shape": [1, 5]}, "shape of embedding is [1, 384], expected [1, 5]"),
    ],
)
def test_an_answer_that_the_sample_does_not_expect_is_a_fault(
    triton: RunningTriton, tmp_path: Path, wire: Wire, model: str, expect: object, fault: str
) -> None:
    wrong = json.loads((REPOSITORY / model / SAMPLE_FILE).read_text()) | {"expect": expect}
    (tmp_path / model).mkdir()
    (tmp_path / model / SAMPLE_FILE).write_text(json.dumps(wrong))
    with Asker(triton.prepared.ports, wire) as asker:
        assert asker.ask(model, read_sample(tmp_path / model)).fault == fault


@pytest.mark.parametrize("wire", Wire)
def test_a_servers_error_is_the_answers_fault(triton: RunningTriton, wire: Wire) -> None:
    with Asker(triton.prepared.ports, wire) as asker:
        answer = asker.ask("no_such_model", read_sample(REPOSITORY / "digits"))
    assert answer.fault is not None
    assert "no_such_model" in answer.fault
