"""The page "Your first own model" works as it stands there, from its first block to its last.

The real PyTorch exports where it is installed as the page says (`.venv-torch`, gigabytes). Elsewhere a graph of the
same inputs and outputs stands in for what it writes, and the test says so.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from serving_workplace import PROJECT, Workplace, eventually, own_ports
from typer.testing import CliRunner

from cli.main import app

PAGE = PROJECT / "docs" / "how-to" / "own-model.md"
TORCH = PROJECT / ".venv-torch" / "bin" / "python"
DEADLINE_S = 180.0
ANSWERS = re.compile(r"\d+ms|\d+ ms|[0-9a-f]{64}|\d+\.\d+ [KM]?i?B|\d+ B|0\.\d+")
"""What differs from day to day: times, digests (they hold the weights), sizes and scores."""

Step = tuple[str, list[str]]
"""A command, and what the page shows that it prints."""


def alike(line: str) -> str:
    return ANSWERS.sub("…", line.strip())


def steps() -> Generator[tuple[str, str] | Step]:
    """In the page's order: files to write, as path and text, and commands."""
    for block in re.finditer(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if block[1] != "console":
            if titled := re.match(r"# (\S+)\n", block[2]):
                yield titled[1], block[2]
            continue
        for command in re.split(r"^\$ ", block[2], flags=re.MULTILINE)[1:]:
            line, *shown = command.splitlines()
            yield line, shown


class Reader:
    """Whoever follows the page, in a project of their own."""

    def __init__(self, project: Path, workplace: Workplace) -> None:
        self.project = project
        self.workplace = workplace
        self.http = str(own_ports()[0].http)
        self.server: subprocess.Popen[str] | None = None

    def write(self, path: str, text: str) -> None:
        target = self.project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("localhost:8000", f"localhost:{self.http}"), encoding="utf-8")

    def run(self, command: str) -> str:
        """What `command` prints on standard output."""
        words = shlex.split(command, comments=True)
        match words:
            case ["make", *_] | [".", _] | ["python3", "-m", "venv", _] | [".venv-torch/bin/pip", *_]:
                return ""  # the project that the tests run in has it, or does without
            case [".venv-torch/bin/python", script, *given] if TORCH.exists():
                return self._process(str(TORCH), script, *given)
            case [".venv-torch/bin/python", script, *given]:
                return self._stand_in(Path(script).stem, *given)
            case [".venv/bin/python", *given]:
                return self._process(sys.executable, *given)
            case ["tritonup", "serve", *given]:
                return self._serve(*given)
            case ["tritonup", *given]:
                return self._tritonup(given)
            case ["mkdir" | "rm", *_]:
                return self._process(*words)
            case _:
                raise AssertionError(f"the page has a command that this test does not know: {command}")

    def _process(self, *words: str) -> str:
        done = subprocess.run(words, cwd=self.project, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _tritonup(self, words: list[str]) -> str:
        into = words.index(">>") if ">>" in words else len(words)
        done = CliRunner().invoke(app, words[:into])
        assert done.exit_code == 0, done.output
        if into == len(words):
            return done.stdout
        with (self.project / words[into + 1]).open("a", encoding="utf-8") as file:
            file.write(done.stdout)
        return ""

    def _serve(self, *given: str) -> str:
        """What it prints until it is ready and has asked the model; it stays up until the next, or the end."""
        self.stop()
        command = [str(Path(sys.executable).with_name("tritonup")), "serve", *given, "--http-port", self.http]
        told = self.project / "told"
        with told.open("w") as file:
            self.server = subprocess.Popen(
                command,
                cwd=self.project,
                env={**os.environ, "TMPDIR": str(self.workplace.temporary), "NO_COLOR": "1"},
                stdout=file,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        server = self.server

        def answered() -> bool:
            self.workplace.look()
            assert server.poll() is None, "tritonup serve ended"
            return "->" in told.read_text()

        eventually(answered, "the model was asked")
        return told.read_text()

    def stop(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.send_signal(signal.SIGINT)  # nobody is waiting for an answer
            self.server.wait(DEADLINE_S)
            self.server = None

    def _stand_in(self, script: str, *given: str) -> str:
        if script == "model":
            seed, weights = given
            (self.project / weights).write_text(seed)
            return ""
        weights, onnx = given
        weight = int((self.project / weights).read_text()) / 100
        (self.project / onnx).write_bytes(exported(weight))
        return f"{1 / (1 + np.exp(-weight * 24 * 0.5)):.4f}\n"


def exported(weight: float) -> bytes:
    """The sigmoid of 24 features' weighted sum, with the inputs and outputs that the page's export has."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "w"], ["sum"]), helper.make_node("Sigmoid", ["sum"], ["score"])],
        "fraud",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 24])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(np.full((24, 1), weight, np.float32), "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return made.SerializeToString()


@pytest.fixture
def reader(workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Reader]:
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    reading = Reader(tmp_path, workplace)
    try:
        yield reading
    finally:
        reading.stop()


def test_the_page_works_from_its_first_block_to_its_last(reader: Reader) -> None:
    if not TORCH.exists():
        warnings.warn("PyTorch is not in .venv-torch: a small graph stands in for what it exports", stacklevel=1)
    scores: list[str] = []
    digests: list[str] = []
    for what, then in steps():
        if isinstance(then, str):
            reader.write(what, then)
            continue
        printed = reader.run(what)
        shown = [alike(line) for line in printed.splitlines()]
        assert not then or [alike(line) for line in then] == shown, f"{what}\n{printed}"
        scores += re.findall(r"^(?:version \d: )?(0\.\d{4})$", printed, re.MULTILINE)
        digests += re.findall(r"^triton ([0-9a-f]{64})$", printed, re.MULTILINE)
    first, served, second, served_then, served_again = scores
    assert (first, second) == (served, served_then), "Triton does not answer what the exported model does"
    assert served_again == first != second
    assert digests[0] == digests[2] != digests[1], "going back is not the first digest"
