"""The backend `onnxruntime` reads a config.pbtxt as the genuine one does, and answers as Triton promises."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from serving_workplace import Workplace, eventually
from small_models import TYPES, choosing, doubling, every_type, newest_of_two
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from local.errors import CannotServeError
from local.triton import RunningTriton

TOGETHER = 4


@pytest.fixture(scope="module")
def triton(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> RunningTriton:
    here = tmp_path_factory.mktemp("models")
    models = [doubling(here), newest_of_two(here), every_type(here), choosing(here, TOGETHER)]
    return workplace.start_ready(models)


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, triton: RunningTriton) -> Iterator[tuple[Any, Any]]:
    library = tritonclient.http if request.param == "http" else tritonclient.grpc
    with library.InferenceServerClient(f"127.0.0.1:{dict(triton.prepared.ports)[request.param]}") as connected:
        yield library, connected


def tensor(library: Any, name: str, array: np.ndarray[Any, Any], datatype: str) -> Any:
    given = library.InferInput(name, list(array.shape), datatype)
    given.set_data_from_numpy(array)
    return given


def values(datatype: str) -> np.ndarray[Any, Any]:
    """Two rows of three, with the type's extremes."""
    if datatype == "BYTES":
        return np.array([["", "plain", "naïve café"], ["日本", "a\tb", "x" * 1000]], dtype=object)
    if datatype == "BOOL":
        return np.array([[True, False, True], [False, False, True]])
    dtype = np.dtype(triton_to_np_dtype(datatype))
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return np.array([[0, 1, 2], [info.min, info.max, 3]], dtype=dtype)


def test_every_type_comes_back_as_it_was_sent(client: tuple[Any, Any]) -> None:
    library, connected = client
    sent = {datatype: values(datatype) for datatype in TYPES}
    answer = connected.infer(
        "every_type", [tensor(library, f"{datatype}_in", array, datatype) for datatype, array in sent.items()]
    )
    for datatype, array in sent.items():
        back = answer.as_numpy(f"{datatype}_out")
        if datatype == "BYTES":
            back = np.array([item.decode() for item in back.flat], dtype=object).reshape(back.shape)
        np.testing.assert_array_equal(back, array, err_msg=datatype)


def test_bytes_that_are_no_text_are_the_requests_error(client: tuple[Any, Any]) -> None:
    library, connected = client
    sent = {datatype: values(datatype) for datatype in TYPES}
    sent["BYTES"] = np.array([[b"\xff\xfe", b"", b""]] * 2, dtype=object)
    inputs = [tensor(library, f"{datatype}_in", array, datatype) for datatype, array in sent.items()]
    with pytest.raises(InferenceServerException, match="onnxruntime takes strings as UTF-8"):
        connected.infer("every_type", inputs)


def test_the_newest_version_is_served_from_the_file_that_the_config_names(client: tuple[Any, Any]) -> None:
    library, connected = client
    answer = connected.infer("newest_of_two", [tensor(library, "X", np.float32([[1, 2]]), "FP32")])
    np.testing.assert_array_equal(answer.as_numpy("Y"), [[10, 20]])
    assert answer.get_response()  # from either protocol, with the version that answered
    assert "10" in str(answer.get_response())


def test_an_empty_config_is_completed_from_the_graph(client: tuple[Any, Any]) -> None:
    library, connected = client
    as_json = {"as_json": True} if library is tritonclient.grpc else {}
    metadata = connected.get_model_metadata("every_type", **as_json)
    inputs = {t["name"]: (t["datatype"], [int(d) for d in t["shape"]]) for t in metadata["inputs"]}
    assert inputs == {f"{datatype}_in": (datatype, [-1, -1]) for datatype in TYPES}


def test_a_batch_of_one_request_keeps_its_rows(client: tuple[Any, Any]) -> None:
    library, connected = client
    rows = np.arange(16, dtype=np.float32).reshape(8, 2)
    np.testing.assert_array_equal(
        connected.infer("doubling", [tensor(library, "X", rows, "FP32")]).as_numpy("Y"), rows * 2
    )


def choose(port: int, index: int) -> float | str:
    """The model's answer, or its error. A connection each, so that the requests wait side by side."""
    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{port}") as connected:
        inputs = [tensor(tritonclient.http, "X", np.array([[index]]), "INT64")]
        try:
            return float(connected.infer("choosing", inputs).as_numpy("Y")[0, 0])
        except InferenceServerException as error:
            return str(error)


def batches(port: int) -> dict[int, int]:
    """How many runs there were of each batch size."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/choosing/stats") as answer:
        stats = json.load(answer)["model_stats"][0]["batch_stats"]
    return {entry["batch_size"]: entry["compute_infer"]["count"] for entry in stats}


def test_requests_that_wait_together_run_as_one_batch_and_each_gets_its_own_answer(triton: RunningTriton) -> None:
    port = triton.prepared.ports.http
    before = batches(port).get(TOGETHER, 0)
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(lambda index: choose(port, index), [0, 1, 2, 0]))
    assert answers == [10, 20, 30, 10]
    # Triton counts a run a moment after it has answered.
    eventually(lambda: batches(port).get(TOGETHER, 0) == before + 1, "one run for all of them")


def test_a_bad_value_fails_the_one_request_that_holds_it(triton: RunningTriton) -> None:
    port = triton.prepared.ports.http
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(lambda index: choose(port, index), [0, 7, 2, 1]))
    assert [answers[0], *answers[2:]] == [10, 30, 20]
    assert "onnxruntime" in str(answers[1])


INPUT = 'name: "X" data_type: TYPE_FP32 dims: [ 2 ]'
OUTPUT = 'name: "Y" data_type: TYPE_FP32 dims: [ 2 ]'
CONTRADICTIONS = {
    "input_dims": (
        INPUT,
        INPUT.replace("2 ]", "3 ]"),
        "input 'X' has dims [-1, 3] (batch first) in config.pbtxt, [-1, 2] in the graph",
    ),
    "input_name": (INPUT, INPUT.replace('"X"', '"Z"'), "config.pbtxt does not declare the graph's input ['X']"),
    "output_name": (OUTPUT, OUTPUT.replace('"Y"', '"Z"'), "config.pbtxt has output 'Z', the graph has ['Y']"),
    "output_type": (
        OUTPUT,
        OUTPUT.replace("FP32", "FP64"),
        "output 'Y' is TYPE_FP64 in config.pbtxt, tensor(float) in the graph",
    ),
    "output_dims": (
        OUTPUT,
        OUTPUT.replace("[ 2 ]", "[ -1 ]"),
        "output 'Y' has dims [-1, -1] (batch first) in config.pbtxt, [-1, 2] in the graph",
    ),
    "model_file": ("backend:", 'default_model_filename: "other.onnx" backend:', "no such model file: 1/other.onnx"),
}


def test_configs_that_contradict_their_graphs_are_refused_at_load(workplace: Workplace, tmp_path: Path) -> None:
    for name, (before, after, _) in CONTRADICTIONS.items():
        config = doubling(tmp_path, name) / "config.pbtxt"
        text = config.read_text()
        assert before in text
        config.write_text(text.replace(before, after))
    running = workplace.start(sorted(tmp_path.iterdir()))
    with pytest.raises(CannotServeError) as refused:
        eventually(running.ready, "Triton refuses the models")
    told = dict(line.split(": ", 1) for line in str(refused.value).splitlines()[1:])
    assert told == {
        name: f"Internal: TritonModelException: {complaint}" for name, (_, _, complaint) in CONTRADICTIONS.items()
    }
