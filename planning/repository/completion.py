"""What Triton fills in where a `config.pbtxt` leaves something out.

Source: AutoCompleteBackendFields in triton-inference-server/core, src/model_config_utils.cc (backend,
platform, model file), and AutoCompleteMaxBatch and AutoCompleteIO in onnxruntime_backend,
src/onnxruntime.cc (batch size, inputs and outputs). Auto-completion is on unless the server is told
otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from planning.repository.config import ModelConfig, TensorConfig, data_type
from planning.repository.graph import Graph, GraphTensor
from planning.repository.model import Tensor

ENSEMBLE = "ensemble"
"""The platform of an ensemble, which has no backend."""

KNOWN_BACKENDS = frozenset(
    {
        "dali",
        "fil",
        "identity",
        "onnxruntime",
        "openvino",
        "python",
        "pytorch",
        "repeat",
        "square",
        "tensorrt",
        "tensorrtllm",
        "vllm",
    }
)
"""What NVIDIA's images are built with (enable_all in server/build.py), and the backends of its vLLM and
TensorRT-LLM images. TensorFlow's is deprecated (core's own comment) and no longer among them."""

PLATFORMS: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime_onnx",),
    "tensorrt": ("tensorrt_plan",),
    "pytorch": ("pytorch_libtorch", "torch_aoti"),
}
"""The platforms that Triton accepts for a backend, the one that it fills in first. It does not look at
the platform of the other backends."""

_FILENAMES: Mapping[str, str] = {
    "onnxruntime": "model.onnx",
    "tensorrt": "model.plan",
    "openvino": "model.xml",
    "pytorch": "model.pt",
    "python": "model.py",
}
"""The backends that Triton guesses, in the order in which it tries them after TensorRT, and the file that
it expects of each (core/src/constants.h)."""

_GUESSED_IN_ORDER = ("tensorrt", "onnxruntime", "openvino", "pytorch", "python")

_DEFAULT_MAX_BATCH_SIZE = 4
"""`default-max-batch-size` of every backend (core/src/backend_model.cc)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which backend runs a model, and from which file of a version's directory."""

    backend: str
    platform: str
    model_filename: str


def identity(name: str, config: ModelConfig, first_version: Collection[str]) -> Identity:
    """What runs the model `name`; `first_version` lists the version directory that Triton looks into.

    `backend` stays empty where Triton could not tell either, `model_filename` where none is needed.
    """
    filename = config.default_model_filename
    if ENSEMBLE in (config.platform, config.backend):
        return Identity(backend=ENSEMBLE, platform=config.platform, model_filename="")
    backend = config.backend or _guessed(config, first_version)
    if not backend and not config.platform and not filename and "." in name:
        backend = name.partition(".")[2]
        return Identity(backend=backend, platform="", model_filename=f"model.{backend}")
    platform = config.platform or next(iter(PLATFORMS.get(backend, ())), "")
    if not filename:
        filename = "model.pt2" if platform == "torch_aoti" else _FILENAMES.get(backend, "")
    return Identity(backend=backend, platform=platform, model_filename=filename)


def _guessed(config: ModelConfig, first_version: Collection[str]) -> str:
    for backend in _GUESSED_IN_ORDER:
        if config.platform in PLATFORMS.get(backend, ()) and config.platform:
            return backend
        if config.default_model_filename == _FILENAMES[backend]:
            return backend
        if not config.platform and not config.default_model_filename and _FILENAMES[backend] in first_version:
            return backend
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a model takes and gives, and the largest batch that one execution may hold (0: no batching)."""

    max_batch_size: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def signature(config: ModelConfig, graph: Graph | None) -> Signature:
    """The model's signature, completed from its ONNX `graph` where the config states no tensors."""
    inputs = tuple(_stated(tensor, optional=tensor.optional) for tensor in config.input)
    outputs = tuple(_stated(tensor, optional=False) for tensor in config.output)
    stated_inputs = len(config.input) + len(config.batch_input)
    if graph is None or (stated_inputs and outputs):
        return Signature(max_batch_size=config.max_batch_size, inputs=inputs, outputs=outputs)
    max_batch_size = config.max_batch_size or (_DEFAULT_MAX_BATCH_SIZE if _batches(graph) else 0)
    return Signature(
        max_batch_size=max_batch_size,
        inputs=inputs if stated_inputs else _from_graph(graph.inputs, max_batch_size),
        outputs=outputs or _from_graph(graph.outputs, max_batch_size),
    )


def _stated(tensor: TensorConfig, *, optional: bool) -> Tensor:
    return Tensor(name=tensor.name, data_type=data_type(tensor.data_type), dims=tuple(tensor.dims), optional=optional)


def _batches(graph: Graph) -> bool:
    """Whether every input and output begins with a dimension of any size."""
    return all(bool(tensor.dims) and tensor.dims[0] == -1 for tensor in (*graph.inputs, *graph.outputs))


def _from_graph(tensors: Sequence[GraphTensor], max_batch_size: int) -> tuple[Tensor, ...]:
    batch = 1 if max_batch_size > 0 else 0
    return tuple(
        Tensor(name=tensor.name, data_type=tensor.data_type, dims=(tensor.dims or ())[batch:] or (1,))
        for tensor in sorted(tensors, key=lambda tensor: tensor.name)
    )
