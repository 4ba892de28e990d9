"""The benchmark of engines keeps its books: with ONNX Runtime in TensorRT's place, which says nothing of engines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from benchmarks.engines.run import Array, Result, measure, report
from planning.engines.shapes import InputShapes

DIGITS = Path(__file__).parents[3] / "model_repository" / "digits" / "1" / "model.onnx"


class StandIn:
    name, driver, version, capability = "nvidia-l4", "none", "11.2.1.2", (8, 9)

    def __init__(self, wrong_by: float = 0.0) -> None:
        self.wrong_by = wrong_by
        self.shapes: list[Sequence[InputShapes]] = []
        self._builds = count()

    def build(self, onnx: bytes, shapes: Sequence[InputShapes]) -> bytes:
        self.shapes.append(shapes)
        return onnx + next(self._builds).to_bytes(1, "big")

    def load(self, plan: bytes) -> StandIn:
        self.session: Any = onnxruntime.InferenceSession(self._changed(plan[:-1]))
        return self

    def _changed(self, plan: bytes) -> bytes:
        model = onnx.load_model_from_string(plan)
        for tensor in model.graph.initializer:
            array = numpy_helper.to_array(tensor)
            if self.wrong_by and array.dtype == np.float32:
                tensor.CopyFrom(numpy_helper.from_array(array * np.float32(1 + self.wrong_by), tensor.name))
        return model.SerializeToString()

    def answer(self, inputs: Mapping[str, Array]) -> tuple[Mapping[str, Array], float]:
        outputs = self.session.run(None, dict(inputs))
        return dict(zip((one.name for one in self.session.get_outputs()), outputs, strict=True)), 0.001


def digits(gpu: StandIn) -> Result:
    return measure(gpu, "digits", DIGITS, 64, {})


def test_an_engine_that_answers_alike_is_told_with_its_key_and_its_profile() -> None:
    gpu = StandIn()
    result = digits(gpu)
    assert result.refused is None
    assert result.greatest_difference == 0
    assert not result.same_bytes_again
    assert "-fp32-sm89-trt11.2.1.2-" in result.key
    assert (
        gpu.shapes[0]
        == gpu.shapes[1]
        == (InputShapes(name="image", min=(1, 1, 8, 8), opt=(64, 1, 8, 8), max=(64, 1, 8, 8)),)
    )
    assert json.loads(json.dumps(report(gpu, [result], "2026-11-27")))["models"][0]["model"] == "digits"


def test_an_engine_that_answers_otherwise_is_told_as_refused() -> None:
    result = digits(StandIn(wrong_by=0.5))
    assert result.refused is not None
    assert "allowed" in result.refused
    assert result.greatest_difference is None


def test_what_is_no_onnx_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(ValueError, match="no ONNX model"):
        measure(StandIn(), "digits", tmp_path / "model.onnx", 1, {})
