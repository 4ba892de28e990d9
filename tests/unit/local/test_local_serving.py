"""Ports, samples, interrupts, and a machine that cannot run Triton."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.serve import ServeOptions, serve_servers
from local import installed
from local.client import Wire, client_library
from local.errors import CannotServeError
from local.installed import find_installed
from local.interrupts import Interrupts
from local.ports import Ports, allot_ports, free_ports, owner_of, require_free
from local.sample import read_sample
from local.servers import LocalServer

ROOT = Path(__file__).resolve().parents[3]


@given(base=st.integers(1, 60000), count=st.integers(1, 20))
def test_servers_never_share_a_port(base: int, count: int) -> None:
    ports = [port for one in allot_ports(base, count) for _, port in one]
    assert len(set(ports)) == 3 * count
    assert ports[0] == base


def test_free_ports_can_be_listened_on_and_differ() -> None:
    allotted = allot_ports(0, 5)
    for ports in allotted:
        require_free("text", ports)
    assert len({port for ports in allotted for _, port in ports}) == 15


def test_a_busy_port_is_told_with_its_owner_and_the_way_out() -> None:
    free = free_ports()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        with pytest.raises(CannotServeError) as refused:
            require_free("text", Ports(http=taken, grpc=free.grpc, metrics=free.metrics))
    owner = Path("/proc/self/comm").read_text().strip() if sys.platform == "linux" else ""
    assert f"Server 'text' cannot listen on port {taken} (http)" in str(refused.value)
    assert f"{owner} (process {os.getpid()})" in str(refused.value)
    assert "--http-port" in str(refused.value)


def test_a_port_beyond_the_last_one_is_refused() -> None:
    with pytest.raises(CannotServeError, match="ports end at 65535"):
        require_free("text", *allot_ports(65535, 1))


def test_nobody_owns_a_free_port() -> None:
    assert owner_of(free_ports().http) is None


SAMPLE: dict[str, Any] = {
    "show": "nearest",
    "caption": "a question",
    "request": {"inputs": [{"name": "T", "shape": [2, 1], "datatype": "BYTES", "data": ["a", "b"]}]},
    "candidates": ["b"],
    "expect": {"nearest": 0},
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"show": "picture"}, "show: 'picture' is none of 'class', 'nearest', 'tensor'"),
        ({"candidates": "b"}, "sample: candidates: Input should be a valid array"),
        ({"capton": "x"}, "capton: Extra inputs are not permitted"),
        ({"candidates": []}, "candidates: List should have at least 1 item"),
        ({"expect": {"nearest": 1}}, "expect.nearest is 1, of 1 candidates"),
        ({"expect": {"label": "b"}}, "expect.label: Extra inputs are not permitted"),
        ({"request": {"inputs": []}}, "request.inputs: List should have at least 1 item"),
    ],
)
def test_a_sample_that_cannot_be_read_is_told_with_its_field(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (tmp_path / "sample.json").write_text(json.dumps(SAMPLE | change))
    with pytest.raises(CannotServeError) as refused:
        read_sample(tmp_path)
    assert f"{tmp_path.name}/sample.json is not a sample" in str(refused.value)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "is not a sample: it says no `show`, which is one of 'class', 'nearest', 'tensor'. docs/samples.md"),
        ("{", "is not a sample: it is no JSON: EOF"),
        ("[]", "is not a sample: Input should be an object"),
    ],
)
def test_no_fault_of_a_sample_is_told_of_a_nameless_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "sample.json").write_text(text)
    with pytest.raises(CannotServeError) as refused:
        read_sample(tmp_path)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": ["a"]}, "request.inputs.0: data has 1 values for shape [2, 1], which takes 2"),
        ({"shape": [-1, 2], "data": ["a"]}, "request.inputs.0: data has 1 values for shape [-1, 2]."),
        ({"shape": [], "data": ["a", "b"]}, "request.inputs.0: data has 2 values for shape [], which takes 1"),
        ({"datatype": "FP32"}, "request.inputs.0: data is not all FP32: could not convert string to float: 'a'"),
        ({"datatype": "UINT8", "data": [1, 300]}, "request.inputs.0: data is not all UINT8"),
        ({"datatype": "FP23"}, "request.inputs.0: 'FP23' is no data type that can be sent"),
    ],
)
def test_a_sample_that_cannot_be_sent_is_told_with_its_file_and_input(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    given = {**SAMPLE["request"]["inputs"][0], **change}
    (tmp_path / "sample.json").write_text(json.dumps(SAMPLE | {"request": {"inputs": [given]}}))
    with pytest.raises(CannotServeError) as refused:
        read_sample(tmp_path)
    assert f"{tmp_path.name}/sample.json is not a sample: {told}" in str(refused.value)


CONFIG = 'backend: "onnxruntime" input { name: "text" data_type: TYPE_STRING dims: 1 }'


def test_an_input_that_the_models_config_has_not_is_told_with_the_one_that_is_meant(tmp_path: Path) -> None:
    given = {**SAMPLE["request"]["inputs"][0], "name": "texts"}
    (tmp_path / "sample.json").write_text(json.dumps(SAMPLE | {"request": {"inputs": [given]}}))
    (tmp_path / "config.pbtxt").write_text(CONFIG)
    with pytest.raises(CannotServeError) as refused:
        read_sample(tmp_path)
    assert (
        "request.inputs.0.name: the model has no input 'texts'. Did you mean 'text'? It has text. docs/samples.md"
        in str(refused.value)
    )


@pytest.mark.parametrize("config", ['backend: "onnxruntime"', CONFIG.replace("onnxruntime", "python"), "not a config"])
def test_inputs_that_the_config_does_not_settle_are_left_to_triton(tmp_path: Path, config: str) -> None:
    given = {**SAMPLE["request"]["inputs"][0], "name": "texts"}
    (tmp_path / "sample.json").write_text(json.dumps(SAMPLE | {"request": {"inputs": [given]}}))
    (tmp_path / "config.pbtxt").write_text(config)
    assert read_sample(tmp_path) is not None


def test_the_sample_of_the_docs_can_be_copied_beside_the_model_that_it_is_of(tmp_path: Path) -> None:
    shown = re.findall(r"^```json\n(.+?)^```", (ROOT / "docs" / "samples.md").read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "sample.json").write_text(shown[0])
    digits = ROOT / "model_repository" / "digits"
    shutil.copyfile(digits / "config.pbtxt", tmp_path / "config.pbtxt")
    assert read_sample(tmp_path) == read_sample(digits)


def test_a_model_may_have_no_sample(tmp_path: Path) -> None:
    assert read_sample(tmp_path) is None


def test_the_first_signal_asks_and_further_ones_hurry() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert (interrupts.asked.is_set(), interrupts.hurry.is_set()) == (True, False)
        signal.raise_signal(signal.SIGTERM)
        assert interrupts.hurry.is_set()
    assert signal.getsignal(signal.SIGTERM) is before


def server(tmp_path: Path) -> LocalServer:
    probe = {"httpGet": {"path": "/v2/health/ready", "port": "http"}}
    container = {
        "name": "triton",
        "image": "nvcr.io/nvidia/tritonserver:26.08-py3",
        "args": ["tritonserver", "--model-repository=/models"],
        "ports": [{"name": "http", "containerPort": 8000}],
        "startupProbe": probe,
        "readinessProbe": probe,
    }
    manifest = {
        "kind": "Deployment",
        "metadata": {"name": "text-floor"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    return LocalServer(name="text", deployment=manifest, models=(tmp_path / "digits",), release="26.08")


def test_where_there_is_no_triton_the_same_is_told_with_docker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve_servers([server(tmp_path)], ServeOptions(), project=tmp_path) == 1
    told = capsys.readouterr()
    assert "there is no Triton in .venv-triton" in told.err
    assert told.out.startswith("docker run --rm --name=tritonup-text")
    assert f"{tmp_path}/digits:/models/digits:ro" in told.out


def test_another_kind_of_machine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed.platform, "machine", lambda: "arm64")
    assert "made for Linux on x86-64" in str(find_installed(tmp_path))


@pytest.mark.parametrize(("wire", "needs"), [(Wire.HTTP, "geventhttpclient"), (Wire.GRPC, "grpc")])
def test_a_client_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, wire: Wire, needs: str) -> None:
    for loaded in [name for name in sys.modules if name.startswith((f"tritonclient.{wire}", needs))]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(CannotServeError, match=rf"tritonclient\[{wire}\] is not installed here"):
        client_library(wire)
