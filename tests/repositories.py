"""Building small model repositories, healthy ones and ones that are broken on purpose.

A graph here computes nothing worth having; its inputs and outputs are what matters. `generate` writes any
number of healthy models for benchmarks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto, TensorProto, helper

from planning.findings import Finding
from planning.repository.checks import OnnxSupport, check_repository
from planning.repository.reader import read_repository

TYPES = {
    "TYPE_FP32": TensorProto.FLOAT,
    "TYPE_FP16": TensorProto.FLOAT16,
    "TYPE_FP64": TensorProto.DOUBLE,
    "TYPE_INT64": TensorProto.INT64,
    "TYPE_INT32": TensorProto.INT32,
    "TYPE_UINT8": TensorProto.UINT8,
    "TYPE_BOOL": TensorProto.BOOL,
    "TYPE_STRING": TensorProto.STRING,
}
"""What Triton calls a type, and ONNX's number for it."""

PYTHON_CODE = "class TritonPythonModel:\n    def execute(self, requests): ...\n"


def identity_graph(
    dims: Sequence[int | str] = ("batch", 4),
    data_type: str = "TYPE_FP32",
    *,
    source: str = "INPUT",
    target: str = "OUTPUT",
    opset: int = 17,
    ir_version: int = 8,
) -> ModelProto:
    """One input that comes out again; a named dimension is one of any size."""
    kind = TYPES[data_type]
    graph = helper.make_graph(
        [helper.make_node("Identity", [source], [target])],
        "identity",
        [helper.make_tensor_value_info(source, kind, dims)],
        [helper.make_tensor_value_info(target, kind, dims)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def identity_config(
    name: str,
    dims: Sequence[int] = (4,),
    data_type: str = "TYPE_FP32",
    *,
    max_batch_size: int = 8,
    more: str = "",
) -> str:
    """The config that goes with `identity_graph`; `more` is text to add at the end."""
    return (
        f'name: "{name}"\n'
        'backend: "onnxruntime"\n'
        f"max_batch_size: {max_batch_size}\n"
        f'input [ {{ name: "INPUT" data_type: {data_type} dims: {list(dims)} }} ]\n'
        f'output [ {{ name: "OUTPUT" data_type: {data_type} dims: {list(dims)} }} ]\n'
        f"{more}"
    )


def ensemble_config(name: str, steps: Sequence[str], *, max_batch_size: int = 8, dims: Sequence[int] = (4,)) -> str:
    """A chain of identities: each step reads what the one before it wrote."""
    tensors = ["INPUT", *(f"between_{index}" for index in range(1, len(steps))), "OUTPUT"]
    body = ",\n".join(
        f'  {{ model_name: "{step}" model_version: -1\n'
        f'    input_map {{ key: "INPUT" value: "{tensors[index]}" }}\n'
        f'    output_map {{ key: "OUTPUT" value: "{tensors[index + 1]}" }} }}'
        for index, step in enumerate(steps)
    )
    return (
        f'name: "{name}"\n'
        'platform: "ensemble"\n'
        f"max_batch_size: {max_batch_size}\n"
        f'input [ {{ name: "INPUT" data_type: TYPE_FP32 dims: {list(dims)} }} ]\n'
        f'output [ {{ name: "OUTPUT" data_type: TYPE_FP32 dims: {list(dims)} }} ]\n'
        f"ensemble_scheduling {{ step [\n{body}\n] }}\n"
    )


def python_config(name: str, *, max_batch_size: int = 8) -> str:
    return identity_config(name, max_batch_size=max_batch_size).replace("onnxruntime", "python")


def engine_config(name: str, source: str, precision: str = "fp16") -> str:
    """A TensorRT model whose engine is built from the ONNX file `source`."""
    return identity_config(name).replace("onnxruntime", "tensorrt") + (
        f'parameters {{ key: "tritonup.engine.source" value {{ string_value: "{source}" }} }}\n'
        f'parameters {{ key: "tritonup.engine.precision" value {{ string_value: "{precision}" }} }}\n'
    )


@dataclass(frozen=True, slots=True)
class RepositoryBuilder:
    """Writes models below `root`. Every method returns the builder, so that calls can be chained."""

    root: Path

    def files(self, model: str, files: Mapping[str, str | bytes]) -> RepositoryBuilder:
        """Write `files` (path relative to the model's directory -> content)."""
        for path, content in files.items():
            target = self.root / model / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def onnx(
        self, name: str, config: str | None = None, graph: ModelProto | None = None, *, version: int = 1
    ) -> RepositoryBuilder:
        """An ONNX model: by default an identity, with the config that fits."""
        content = (graph or identity_graph()).SerializeToString()
        text = config if config is not None else identity_config(name)
        return self.files(name, {"config.pbtxt": text, f"{version}/model.onnx": content})

    def ensemble(self, name: str, steps: Sequence[str], config: str | None = None) -> RepositoryBuilder:
        text = config if config is not None else ensemble_config(name, steps)
        return self.files(name, {"config.pbtxt": text, "1/.gitkeep": ""})

    def python(self, name: str, config: str | None = None, code: str = "") -> RepositoryBuilder:
        text = config if config is not None else python_config(name)
        return self.files(name, {"config.pbtxt": text, "1/model.py": code or PYTHON_CODE})

    def engine(self, name: str, source: str, config: str | None = None) -> RepositoryBuilder:
        """A TensorRT model without its engine."""
        text = config if config is not None else engine_config(name, source)
        return self.files(name, {"config.pbtxt": text, "1/.gitkeep": ""})


def generate(root: Path, count: int) -> Path:
    """A healthy repository of `count` models: of every four, three ONNX models and an ensemble of them."""
    builder = RepositoryBuilder(root)
    graph = identity_graph()
    batching = "dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 500 }\n"
    for index in range(count):
        name = f"model_{index:05}"
        if index % 4 == 3:
            builder.ensemble(name, [f"model_{index - back:05}" for back in (3, 2, 1)])
        else:
            builder.onnx(name, identity_config(name, more=batching), graph)
    return root


def findings_of(
    root: Path, *, allow_python: Sequence[str] = (), onnx: OnnxSupport | None = None
) -> tuple[Finding, ...]:
    """All that reading and checking the repository says."""
    repository, found = read_repository(root)
    return (*found, *check_repository(repository, allow_python=allow_python, onnx=onnx))
