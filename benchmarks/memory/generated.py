"""Models made for this benchmark, each with one thing that takes memory, in several sizes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8

BARE = """
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("Y", pb_utils.get_input_tensor_by_name(request, "X").as_numpy())]
            )
            for request in requests
        ]
"""


def bare(root: Path, name: str, instances: int = 1) -> None:
    """A Python model that gives back what it is given."""
    version = root / name / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(BARE)
    _config(root / name, "python", "TYPE_FP32", (1,), (1,), batch=1, instances=instances)


def scaling(root: Path, name: str, instances: int = 1) -> None:
    """The least ONNX model: one multiplication."""
    nodes = [helper.make_node("Mul", ["X", "two"], ["Y"])]
    _onnx(root / name, nodes, ["batch", 1], ["batch", 1], {"two": np.full((1,), 2, np.float32)})
    _config(root / name, "onnxruntime", "TYPE_FP32", (1,), (1,), batch=1, instances=instances)


def matrices(root: Path, name: str, width: int, depth: int, batch: int = 8) -> None:
    """`depth` layers of `width` squared weights, each a MatMul."""
    weights = {f"w{layer}": _noise(layer, width, width) for layer in range(depth)}
    nodes = [
        node
        for layer in range(depth)
        for node in (
            helper.make_node("MatMul", [f"r{layer - 1}" if layer else "X", f"w{layer}"], [f"m{layer}"]),
            helper.make_node("Relu", [f"m{layer}"], [f"r{layer}" if layer < depth - 1 else "Y"]),
        )
    ]
    _onnx(root / name, nodes, ["batch", width], ["batch", width], weights)
    _config(root / name, "onnxruntime", "TYPE_FP32", (width,), (width,), batch=batch)


def filters(root: Path, name: str, channels: int, depth: int, side: int = 16, batch: int = 8) -> None:
    """`depth` layers of 3 by 3 filters from `channels` to `channels`, each a Conv."""
    weights = {f"w{layer}": _noise(layer, channels, channels, 3, 3) for layer in range(depth)}
    nodes = [
        node
        for layer in range(depth)
        for node in (
            helper.make_node(
                "Conv", [f"r{layer - 1}" if layer else "X", f"w{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]
            ),
            helper.make_node("Relu", [f"c{layer}"], [f"r{layer}" if layer < depth - 1 else "Y"]),
        )
    ]
    shape = ["batch", channels, side, side]
    _onnx(root / name, nodes, shape, shape, weights)
    dims = (channels, side, side)
    _config(root / name, "onnxruntime", "TYPE_FP32", dims, dims, batch=batch)


def table(root: Path, name: str, rows: int, width: int) -> None:
    """A table of which each request names a row: weights that no kernel packs."""
    nodes = [helper.make_node("Gather", ["table", "X"], ["Y"])]
    _onnx(root / name, nodes, ["batch", 1], ["batch", 1, width], {"table": _noise(0, rows, width)}, TensorProto.INT64)
    _config(root / name, "onnxruntime", "TYPE_INT64", (1,), (1, width), batch=8)


def asked_otherwise(root: Path, name: str, source: Path, *, batch: int, size: int) -> None:
    """A copy of `text_encoder` for another greatest request: `batch` texts of `size` tokens."""
    (root / name / "1").mkdir(parents=True)
    for file in (source / "1").iterdir():
        shutil.copy(file, root / name / "1")
    config = (source / "config.pbtxt").read_text()
    for old, new in (
        (f'name: "{source.name}"', f'name: "{name}"'),
        ("max_batch_size: 32", f"max_batch_size: {batch}"),
        ("dims: [ 64 ]", f"dims: [ {size} ]"),
    ):
        assert old in config, old
        config = config.replace(old, new)
    (root / name / "config.pbtxt").write_text(config)


def _noise(seed: int, *shape: int) -> NDArray[np.float32]:
    """Weights of every layer differ: ONNX Runtime holds equal ones once."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) / np.float32(shape[-1])


def _onnx(
    model: Path,
    nodes: Sequence[onnx.NodeProto],
    given: Sequence[str | int],
    answered: Sequence[str | int],
    weights: dict[str, NDArray[np.float32]],
    kind: int = TensorProto.FLOAT,
) -> None:
    graph = helper.make_graph(
        list(nodes),
        model.name,
        [helper.make_tensor_value_info("X", kind, list(given))],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, list(answered))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.onnx").write_bytes(made.SerializeToString())


def _config(
    model: Path,
    backend: str,
    kind: str,
    given: Sequence[int],
    answered: Sequence[int],
    *,
    batch: int,
    instances: int = 1,
) -> None:
    (model / "config.pbtxt").write_text(
        f"""name: "{model.name}"
backend: "{backend}"
max_batch_size: {batch}
input [ {{ name: "X" data_type: {kind} dims: {list(given)} }} ]
output [ {{ name: "Y" data_type: TYPE_FP32 dims: {list(answered)} }} ]
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
dynamic_batching {{ }}
"""
    )
