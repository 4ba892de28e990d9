"""What the check of a model repository finds, a real Triton refuses to load; what it passes, Triton loads.

Only what Triton's core decides: the wheel's server has no genuine ONNX Runtime backend. Every broken
repository becomes one model of a single server, which is told to load it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.installed import InstalledTriton
from local.ports import free_ports
from tests.repositories import RepositoryBuilder, ensemble_config, findings_of, identity_config
from tests.unit.repository import broken_ensembles, broken_layout, broken_scheduling

DEADLINE_S = 90.0
DECIDED_BY_CORE = {"TU203", "TU206", "TU208", "TU220", "TU221", "TU230", "TU231", "TU232", "TU233", "TU234", "TU235"}
OURS_ALONE = {
    "a version that is read as a number",  # Triton tries, and this release then waits for ever
    "an empty version of an ensemble",  # loads from a directory; a bucket would not have it
}
CASES = [
    case
    for case in (*broken_layout.CASES, *broken_scheduling.CASES, *broken_ensembles.CASES)
    if case.rule in DECIDED_BY_CORE and case.name not in OURS_ALONE
]
CODE = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse([pb_utils.Tensor(
            "OUTPUT", pb_utils.get_input_tensor_by_name(request, "INPUT").as_numpy())]) for request in requests]
"""
HEALTHY = {
    "chain": ensemble_config("chain", ["first", "second"]),
    "nested": ensemble_config("nested", ["chain", "first"]),
    "smaller": ensemble_config("smaller", ["first"], max_batch_size=2),
    "any": ensemble_config("any", ["first"], dims=[-1]),
}


def renamed(model: Path, name: str) -> None:
    """Give the model in the directory `model` the name `name`, in its config too."""
    config = model / "config.pbtxt"
    if config.exists():
        text = re.sub(rf'"{model.name}"', f'"{name}"', config.read_text())
        config.write_text(text)
    model.rename(model.with_name(name))


@dataclass(frozen=True, slots=True)
class Loader:
    http: int

    def refusal(self, model: str) -> str | None:
        """Load `model`: why Triton did not, or None."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/v2/repository/models/{model}/load", data=b"{}", method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S):
                return None
        except urllib.error.HTTPError as error:
            return str(json.load(error)["error"])


@pytest.fixture(scope="module")
def triton(installed: InstalledTriton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loader]:
    root = tmp_path_factory.mktemp("core")
    models = RepositoryBuilder(root / "models")
    for name in ("first", "second"):
        models.python(name, identity_config(name).replace("onnxruntime", "python"), CODE)
    for name, config in HEALTHY.items():
        models.ensemble(name, [], config)
    models.onnx("digits")
    assert findings_of(models.root, allow_python=["first", "second"]) == ()
    for index, case in enumerate(CASES):
        own = RepositoryBuilder(root / "broken")
        case.build(own)
        for model in sorted(own.root.iterdir()):
            if model.name not in ("first", "second"):
                renamed(model, f"case_{index}")
                shutil.move(own.root / f"case_{index}", models.root)
        shutil.rmtree(own.root)
    installed.assemble_backends(root / "backends")
    ports = free_ports()
    command = [
        str(installed.server),
        f"--model-repository={models.root}",
        f"--backend-directory={root / 'backends'}",
        "--model-control-mode=explicit",
        *(f"--{kind}-port={port}" for kind, port in ports),
        *(f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc", "metrics")),
    ]
    with (root / "log").open("w") as log:
        server = subprocess.Popen(command, env=dict(installed.environment()), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            assert server.poll() is None, (root / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "Triton did not start"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{ports.http}/v2/health/live", timeout=5):
                    break
            except OSError:
                time.sleep(0.05)
        yield Loader(ports.http)
    finally:
        server.terminate()
        server.wait(DEADLINE_S)


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case.name for case in CASES])
def test_what_the_check_finds_triton_refuses(triton: Loader, index: int) -> None:
    assert triton.refusal(f"case_{index}") is not None


@pytest.mark.parametrize("name", ["digits", *HEALTHY])
def test_what_the_check_passes_triton_loads(triton: Loader, name: str) -> None:
    assert triton.refusal(name) is None
