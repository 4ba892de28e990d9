"""Models of the genuine Python backend, for what Triton's core decides: the CPU server's ONNX backend is no judge."""

from __future__ import annotations

from collections.abc import Sequence

from tests.preflight.seeds import SUBJECT, Core, Files, Judge, Seed, changed

CODE = b"""
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT", request.inputs()[0].as_numpy())])
            for request in requests
        ]
"""

PLAIN = """name: "{}"
backend: "python"
max_batch_size: 8
input [ {{ name: "INPUT" data_type: TYPE_FP32 dims: [ 4 ] }} ]
output [ {{ name: "OUTPUT" data_type: TYPE_FP32 dims: [ 4 ] }} ]
"""


def python(name: str = SUBJECT, config: str | None = None, *, more: str = "", version: str = "1") -> dict[str, bytes]:
    """A model that gives back what it is given."""
    text = PLAIN.format(name) if config is None else config
    return {f"{name}/config.pbtxt": (text + more).encode(), f"{name}/{version}/model.py": CODE}


def ensemble(
    steps: Sequence[str] = ("helper", "other"), name: str = SUBJECT, *, dims: str = "4", batch: int = 8, more: str = ""
) -> dict[str, bytes]:
    """A chain of models: each step reads what the one before it wrote."""
    tensors = ["INPUT", *(f"between_{index}" for index in range(1, len(steps))), "OUTPUT"]
    body = ",\n".join(
        f'  {{ model_name: "{step}" model_version: -1\n'
        f'    input_map {{ key: "INPUT" value: "{tensors[index]}" }}\n'
        f'    output_map {{ key: "OUTPUT" value: "{tensors[index + 1]}" }} }}'
        for index, step in enumerate(steps)
    )
    config = (
        f'name: "{name}"\nplatform: "ensemble"\nmax_batch_size: {batch}\n'
        f'input [ {{ name: "INPUT" data_type: TYPE_FP32 dims: [ {dims} ] }} ]\n'
        f'output [ {{ name: "OUTPUT" data_type: TYPE_FP32 dims: [ {dims} ] }} ]\n'
        f"ensemble_scheduling {{ step [\n{body}\n] }}\n{more}"
    )
    return {f"{name}/config.pbtxt": config.encode(), f"{name}/1/.gitkeep": b""}


def seed(name: str, rule: str, at: str, healthy: Files, faulty: Files, *words: str, judge: Judge | None = None) -> Seed:
    return Seed(name=name, judge=judge or Core(), rule=rule, at=at, words=words, healthy=healthy, faulty=faulty)


def plain(
    name: str, rule: str, at: str, old: str, new: str, *words: str, more: str = "", judge: Judge | None = None
) -> Seed:
    """A Python model, and the same with `new` for `old` in its config; `more` is added to both."""
    healthy = python(more=more)
    return seed(name, rule, at, healthy, changed(healthy, old, new), *words, judge=judge)


def chain(name: str, rule: str, at: str, old: str, new: str, *words: str, judge: Judge | None = None) -> Seed:
    """An ensemble of two Python models, and the same with `new` for `old` in its config."""
    healthy = {**python("helper"), **python("other"), **ensemble()}
    return seed(name, rule, at, healthy, changed(healthy, old, new), *words, judge=judge)
