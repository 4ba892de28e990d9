"""What a server takes of its pod's memory.

Two kinds of server are kept apart. NVIDIA's image runs ONNX models inside of tritonserver. The image that this
machine packs, for stacks of kind `local`, has no ONNX backend: each instance runs in a Python stub, a process of its
own with ONNX Runtime's wheel. Its parts were measured (docs/memory.md); those of NVIDIA's image beside the models are
allowances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from planning.derived import Derived
from planning.memory.models import MIB, host_parts, instances, runs_on_gpu
from planning.memory.parts import Estimate, Part, exactly
from planning.memory.requests import input_bytes, output_bytes
from planning.repository.model import Model
from planning.settings.caching import LocalCache
from planning.settings.quantities import Memory
from planning.settings.servers import NvidiaGpu, Triton
from planning.wording import counted


class Image(Enum):
    """Whose image a server runs."""

    NVIDIA = "NVIDIA's"
    PACKED_HERE = "packed by this machine"


PINNED_POOL = 256 * MIB
"""Triton's --pinned-memory-pool-byte-size default (server, command_line_parser.cc), host memory."""

SERVER_BASE = 512 * MIB
SERVER_BASE_ERROR = 256 * MIB
"""tritonserver of NVIDIA's image with its backends loaded and no model. An allowance: the wheel's was measured at some
40 MiB, and a GPU build maps cuBLAS, cuDNN and TensorRT on top."""

PYTHON_STUB = 200 * MIB
PYTHON_STUB_ERROR = 150 * MIB
"""One Python model instance in NVIDIA's image: an interpreter with numpy, and the model's own. An allowance."""

WHEEL_SERVER = 38 * MIB
WHEEL_SERVER_ERROR = 3 * MIB
"""tritonserver of the wheel with the Python backend, its own code included. Measured: `python_1`."""

STUB_CODE = 15 * MIB
STUB_CODE_ERROR = 2 * MIB
"""Code of stub, interpreter and numpy that is mapped, once for all stubs. Measured: `python_1`."""

ONNXRUNTIME_CODE = 18 * MIB
ONNXRUNTIME_CODE_ERROR = 2 * MIB
"""Code of the wheel `onnxruntime` that is mapped, once for all stubs. Measured: `onnx_1`."""

STUB = 20 * MIB
STUB_ERROR = 3 * MIB
"""Data of one stub: an interpreter with numpy. Measured: `python_1`."""

ONNXRUNTIME = 8 * MIB
ONNXRUNTIME_ERROR = 2 * MIB
"""Data of the wheel `onnxruntime` in one stub. Measured: `onnx_1`."""

GRPC_KEPT = 12
GRPC_KEPT_ERROR = 4
"""gRPC requests that stay allocated with their answers. At most 16: --grpc-infer-allocation-pool-size, 8 where nothing
is said, for each of two handlers (server, grpc_server.h and grpc_server.cc). Requests one after the other fill 12 of
them soon and the others late. Measured: `filters_30x0.6MiB`."""

REGION = MIB
"""Shared memory that the Python backend takes for each instance at first, and grows by (python_backend README,
"Managing Shared Memory": shm-default-byte-size, shm-growth-byte-size)."""

SHARED_MEMORY = "/dev/shm"  # noqa: S108  the path in the container

SHARED_MEMORY_LEAST = 64 * MIB
"""What container runtimes give without asking."""

SHARED_SAFETY = 4
"""Requests that wait are in shared memory too, beside those that run."""


def stubs(models: Sequence[Model], image: Image) -> tuple[Model, ...]:
    """Those of `models` whose instances run in Python stubs."""
    in_stubs = {"python", "onnxruntime"} if image is Image.PACKED_HERE else {"python"}
    return tuple(model for model in models if model.backend in in_stubs)


def shared_memory(server: Triton, models: Sequence[Model], image: Image) -> Derived[int]:
    """The size of /dev/shm."""
    if server.resources.shared_memory is not None:
        return Derived(server.resources.shared_memory.bytes, "resources.shared_memory says so")
    in_stubs = stubs(models, image)
    with_gpu = isinstance(server.gpu, NvidiaGpu)
    exchanged = SHARED_SAFETY * sum(_exchanged(model, with_gpu=with_gpu) for model in in_stubs)
    need = -(-max(SHARED_MEMORY_LEAST, exchanged) // MIB) * MIB
    count = sum(instances(model, with_gpu=with_gpu) for model in in_stubs)
    return Derived(
        need,
        f"{counted(count, 'Python instance')} and the server exchange {Memory(exchanged // SHARED_SAFETY).readable()}"
        f" at once, {SHARED_SAFETY} times that, at least {Memory(SHARED_MEMORY_LEAST).readable()}",
    )


def _exchanged(model: Model, *, with_gpu: bool) -> int:
    return instances(model, with_gpu=with_gpu) * (REGION + input_bytes(model) + output_bytes(model))


def host_memory(server: Triton, models: Sequence[Model], shared: Derived[int], held: int, image: Image) -> Estimate:
    """`held`: bytes of the pod's memory that a volume with the models takes. They count as the pod's, whoever wrote
    them (kernel, cgroup-v2.rst, "Memory Ownership"; kubernetes.io, "emptyDir", medium Memory)."""
    parts = [
        *(_wheel(models) if image is Image.PACKED_HERE else _nvidia(server, models)),
        _requests(models),
        *_models(server, models),
        _exchange(server, models, shared, image),
        exactly("models in memory", held, "the volume that they are fetched to"),
        exactly("response cache", _cache(server), "response_cache.size, taken at the start"),
    ]
    # An ONNX file is read as a whole before its tensors are made, and several models are loaded at once.
    with_gpu = isinstance(server.gpu, NvidiaGpu)
    onnx = (model for model in models if model.backend == "onnxruntime")
    read = sum(instances(model, with_gpu=with_gpu) * model.weights_bytes for model in onnx)
    return Estimate(parts=tuple(part for part in parts if part.size or part.error), loading=read)


def _cache(server: Triton) -> int:
    return server.response_cache.size.bytes if isinstance(server.response_cache, LocalCache) else 0


def _wheel(models: Sequence[Model]) -> Iterator[Part]:
    measured = "measured on this machine (docs/memory.md)"
    in_stubs = stubs(models, Image.PACKED_HERE)
    onnx = [model for model in in_stubs if model.backend == "onnxruntime"]
    count, of_onnx = (sum(instances(model, with_gpu=False) for model in some) for some in (in_stubs, onnx))
    yield Part(name="tritonserver", size=WHEEL_SERVER, error=WHEEL_SERVER_ERROR, source=measured)
    if count:
        yield Part(name="code of Python stubs", size=STUB_CODE, error=STUB_CODE_ERROR, source=measured)
        yield Part(name=counted(count, "Python stub"), size=count * STUB, error=count * STUB_ERROR, source=measured)
    if of_onnx:
        code, data = ONNXRUNTIME_CODE, ONNXRUNTIME
        yield Part(name="code of ONNX Runtime", size=code, error=ONNXRUNTIME_CODE_ERROR, source=measured)
        yield Part(
            name=f"ONNX Runtime in {counted(of_onnx, 'stub')}",
            size=of_onnx * data,
            error=of_onnx * ONNXRUNTIME_ERROR,
            source=measured,
        )


def _nvidia(server: Triton, models: Sequence[Model]) -> Iterator[Part]:
    allowance = "an allowance"
    with_gpu = isinstance(server.gpu, NvidiaGpu)
    count = sum(instances(model, with_gpu=with_gpu) for model in stubs(models, Image.NVIDIA))
    yield Part(name="server", size=SERVER_BASE, error=SERVER_BASE_ERROR, source=allowance)
    if with_gpu:
        yield exactly("pinned pool", PINNED_POOL, "--pinned-memory-pool-byte-size, its default")
    if count:
        error = count * PYTHON_STUB_ERROR
        yield Part(name=counted(count, "Python instance"), size=count * PYTHON_STUB, error=error, source=allowance)


def _requests(models: Sequence[Model]) -> Part:
    greatest = max((input_bytes(model) + output_bytes(model) for model in models), default=0)
    return Part(
        name="gRPC requests kept for reuse",
        size=GRPC_KEPT * greatest,
        error=GRPC_KEPT_ERROR * greatest,
        source=f"{GRPC_KEPT} of the greatest, {Memory(greatest).readable()} with its answer",
        asked=True,
    )


def _models(server: Triton, models: Sequence[Model]) -> Iterator[Part]:
    for model in models:
        if model.backend == "ensemble":
            continue
        if isinstance(server.gpu, NvidiaGpu) and runs_on_gpu(model):
            size = instances(model, with_gpu=True) * model.weights_bytes
            source = "read on their way to the GPU, and freed where the runtime does so"
            yield Part(name=f"{model.name}: weights", size=size, error=0, source=source)
        else:
            yield from host_parts(model)


def _exchange(server: Triton, models: Sequence[Model], shared: Derived[int], image: Image) -> Part:
    if server.resources.shared_memory is not None:
        return exactly(SHARED_MEMORY, shared.value, shared.because)
    with_gpu = isinstance(server.gpu, NvidiaGpu)
    used = min(
        shared.value,
        sum(
            instances(model, with_gpu=with_gpu) * (input_bytes(model) + output_bytes(model))
            for model in stubs(models, image)
        ),
    )
    return Part(
        name=SHARED_MEMORY,
        size=used,
        error=used,
        source="what Python instances exchange with the server, once; requests that wait come on top",
        asked=True,
    )
