"""What Triton's response cache keeps, and for whom: what docs/how-to/response-cache.md says of it, and rule TU960, are
as the real server has it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest
from onnx import TensorProto, helper
from rendered_deployment import deployment
from serving_workplace import Workplace
from small_models import choosing, doubling, write_onnx

from local.triton import RunningTriton
from planning.caching import plan_cache
from planning.findings import Severity
from planning.repository.checks import check_repository
from planning.repository.reader import read_repository
from planning.settings.caching import LocalCache
from planning.settings.quantities import Cpu

KEPT = "response_cache { enable: true }\n"

BOTH_CONFIG = """
backend: "onnxruntime"
max_batch_size: 8
input [ { name: "X" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "A" data_type: TYPE_FP32 dims: [ -1 ] }, { name: "B" data_type: TYPE_FP32 dims: [ -1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""

WHOLE_CONFIG = """
platform: "ensemble"
max_batch_size: 8
input [ { name: "X" data_type: TYPE_FP32 dims: [ 2 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 2 ] } ]
ensemble_scheduling { step [ { model_name: "doubling" model_version: -1
  input_map { key: "X" value: "X" } output_map { key: "Y" value: "Y" } } ] }
"""

FOUR = [1.0, 2.0, 3.0, 4.0]
Outputs = dict[str, tuple[list[int], list[float]]]


def both(root: Path) -> Path:
    """`A` is `X`, and `B` is minus `X`."""
    sizes = ["batch", "n"]
    write_onnx(
        root / "both" / "1" / "model.onnx",
        [helper.make_node("Identity", ["X"], ["A"]), helper.make_node("Neg", ["X"], ["B"])],
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in "AB"],
    )
    (root / "both" / "config.pbtxt").write_text(KEPT + BOTH_CONFIG)
    return root / "both"


def whole(root: Path) -> Path:
    (root / "whole" / "1").mkdir(parents=True)
    (root / "whole" / "config.pbtxt").write_text(KEPT + WHOLE_CONFIG)
    return root / "whole"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for model in (doubling(root), both(root), whole(root), choosing(root, 1)):
        if model.name == "choosing":
            config = model / "config.pbtxt"
            config.write_text(KEPT + config.read_text())
    return root


@pytest.fixture(scope="module")
def triton(workplace: Workplace, repository: Path) -> RunningTriton:
    kept = LocalCache.model_validate({"kind": "local", "size": "1Mi"})
    flags = tuple(map(str, plan_cache(kept, Cpu.parse("2"))))
    return workplace.start_ready(sorted(repository.iterdir()), deployment(args=flags))


def ask(
    triton: RunningTriton,
    model: str,
    shape: Sequence[int],
    data: Sequence[float],
    outputs: Sequence[str] = (),
    kind: str = "FP32",
) -> Outputs:
    """HTTPError where Triton refuses."""
    body = {
        "inputs": [{"name": "X", "datatype": kind, "shape": shape, "data": data}],
        "outputs": [{"name": name} for name in outputs],
    }
    url = f"http://127.0.0.1:{triton.prepared.ports.http}/v2/models/{model}/infer"
    with urllib.request.urlopen(url, json.dumps(body).encode()) as answer:
        return {one["name"]: (one["shape"], one["data"]) for one in json.load(answer)["outputs"]}


def test_another_output_of_the_same_inputs_is_answered_with_the_first_one(triton: RunningTriton) -> None:
    assert ask(triton, "both", [1, 4], FOUR, ["A"]) == {"A": ([1, 4], FOUR)}
    assert ask(triton, "both", [1, 4], FOUR, ["B"]) == {"A": ([1, 4], FOUR)}


def test_another_shape_of_the_same_bytes_is_answered_in_the_first_one(triton: RunningTriton) -> None:
    more = [5.0, 6.0, 7.0, 8.0]
    assert ask(triton, "both", [1, 4], more)["A"] == ([1, 4], more)
    assert ask(triton, "both", [2, 2], more)["A"] == ([1, 4], more)


def test_both_are_found_before_anything_is_deployed(repository: Path) -> None:
    findings = check_repository(read_repository(repository)[0], allow_python=())
    kept = [finding for finding in findings if finding.rule.id == "TU960"]
    assert all(finding.severity is Severity.WARNING for finding in kept)
    assert {Path(finding.at.file).parent.name for finding in kept} == {"both"}
    assert len(kept) == 2


def test_a_model_that_failed_is_said_to_have_answered_with_nothing(triton: RunningTriton) -> None:
    with pytest.raises(urllib.error.HTTPError):
        ask(triton, "choosing", [1, 1], [9], kind="INT64")
    assert ask(triton, "choosing", [1, 1], [9], kind="INT64") == {}


def test_answers_of_an_ensemble_are_kept_as_a_whole(triton: RunningTriton) -> None:
    first = ask(triton, "whole", [1, 2], [1, 2])
    assert ask(triton, "whole", [1, 2], [1, 2]) == first == {"Y": ([1, 2], [2.0, 4.0])}
    with urllib.request.urlopen(f"http://127.0.0.1:{triton.prepared.ports.metrics}/metrics") as answer:
        assert 'nv_cache_num_hits_per_model{model="whole",version="1"} 1' in answer.read().decode().splitlines()
