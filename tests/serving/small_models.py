"""Models small enough to be built by a test, each for one thing that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

OPSET = 17
IR_VERSION = 8
"""What ONNX opset 17 shipped with; older than any runtime that these tests meet."""

TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
"""By the KServe v2 protocol's names."""

DOUBLE_CONFIG = """
input [ { name: "X" data_type: TYPE_FP32 dims: [ 2 ] } ]
output [ { name: "Y" data_type: TYPE_FP32 dims: [ 2 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""


def write_onnx(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
) -> None:
    graph = helper.make_graph(list(nodes), "test", list(inputs), list(outputs), list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def write_scaling(path: Path, factor: float) -> None:
    """`Y` is `factor` times `X`; both are a batch of two FP32."""
    write_onnx(
        path,
        [helper.make_node("Mul", ["X", "factor"], ["Y"])],
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor("factor", TensorProto.FLOAT, [], [factor])],
    )


def doubling(root: Path, name: str = "doubling", config: str = "max_batch_size: 8") -> Path:
    write_scaling(root / name / "1" / "model.onnx", 2)
    (root / name / "config.pbtxt").write_text(f'backend: "onnxruntime"\n{config}\n{DOUBLE_CONFIG}')
    return root / name


def newest_of_two(root: Path) -> Path:
    """Version 3 multiplies by 3, version 10 by 10, in a file of another name: one version is served."""
    model = root / "newest_of_two"
    write_scaling(model / "3" / "scale.onnx", 3)
    write_scaling(model / "10" / "scale.onnx", 10)
    (model / "config.pbtxt").write_text(
        'platform: "onnxruntime_onnx"\ndefault_model_filename: "scale.onnx"\nmax_batch_size: 8\n'
        f"version_policy {{ latest {{ num_versions: 1 }} }}\n{DOUBLE_CONFIG}"
    )
    return model


def every_type(root: Path) -> Path:
    """Gives back what it is given, in every type: the config's lists are left for Triton to complete."""
    write_onnx(
        root / "every_type" / "1" / "model.onnx",
        [helper.make_node("Identity", [f"{name}_in"], [f"{name}_out"]) for name in TYPES],
        [helper.make_tensor_value_info(f"{name}_in", kind, ["batch", "n"]) for name, kind in TYPES.items()],
        [helper.make_tensor_value_info(f"{name}_out", kind, ["batch", "n"]) for name, kind in TYPES.items()],
    )
    (root / "every_type" / "config.pbtxt").write_text(
        'backend: "onnxruntime"\nmax_batch_size: 4\ninstance_group [ { count: 1 kind: KIND_CPU } ]\n'
    )
    return root / "every_type"


def choosing(root: Path, together: int) -> Path:
    """`Y` is the row of a table of three that `X` names; another index is an error. `together` requests are
    waited for, so that they run as one batch."""
    write_onnx(
        root / "choosing" / "1" / "model.onnx",
        [helper.make_node("Gather", ["table", "X"], ["Y"], axis=0)],
        [helper.make_tensor_value_info("X", TensorProto.INT64, ["batch", 1])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["batch", 1])],
        [helper.make_tensor("table", TensorProto.FLOAT, [3], [10, 20, 30])],
    )
    (root / "choosing" / "config.pbtxt").write_text(
        f"""
        backend: "onnxruntime"
        max_batch_size: {together}
        input [ {{ name: "X" data_type: TYPE_INT64 dims: [ 1 ] }} ]
        output [ {{ name: "Y" data_type: TYPE_FP32 dims: [ 1 ] }} ]
        dynamic_batching {{
          preferred_batch_size: [ {together} ]
          max_queue_delay_microseconds: 20000000
        }}
        instance_group [ {{ count: 1 kind: KIND_CPU }} ]
        """
    )
    return root / "choosing"


def sleeping(root: Path, *, instances: int = 2, at_start_s: float = 0) -> Path:
    """A Python model that takes as many seconds as it is asked for, and answers with them."""
    version = root / "sleeping" / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(
        f"""
import time

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        time.sleep({at_start_s})

    def execute(self, requests):
        responses = []
        for request in requests:
            seconds = pb_utils.get_input_tensor_by_name(request, "SECONDS").as_numpy()
            time.sleep(float(seconds[0]))
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("SLEPT", seconds)]))
        return responses
"""
    )
    (root / "sleeping" / "config.pbtxt").write_text(
        f"""
        backend: "python"
        input [ {{ name: "SECONDS" data_type: TYPE_FP32 dims: [ 1 ] }} ]
        output [ {{ name: "SLEPT" data_type: TYPE_FP32 dims: [ 1 ] }} ]
        instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
        """
    )
    return root / "sleeping"
