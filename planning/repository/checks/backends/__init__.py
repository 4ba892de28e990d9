"""What each backend asks of a model, by its own source or documentation.

A backend refuses a model only when it loads it, on the server; what is written here was read in its source. Each module
names the repository and the commit that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from planning.findings import Finding
from planning.repository.checks.backends.dali import check_dali
from planning.repository.checks.backends.fil import check_fil
from planning.repository.checks.backends.language import check_tensorrtllm, check_vllm
from planning.repository.checks.backends.onnxruntime import check_onnxruntime
from planning.repository.checks.backends.openvino import check_openvino
from planning.repository.checks.backends.parameters import check_parameters
from planning.repository.checks.backends.python import check_python
from planning.repository.checks.backends.pytorch import check_pytorch
from planning.repository.checks.backends.rules import FORMAT_IS_READ
from planning.repository.checks.backends.tensorrt import check_tensorrt
from planning.repository.model import Model

_CHECKS: Mapping[str, Callable[[Model], Iterator[Finding]]] = {
    "dali": check_dali,
    "fil": check_fil,
    "onnxruntime": check_onnxruntime,
    "openvino": check_openvino,
    "python": check_python,
    "pytorch": check_pytorch,
    "tensorrt": check_tensorrt,
    "tensorrtllm": check_tensorrtllm,
    "vllm": check_vllm,
}


def check_backend(model: Model) -> Iterator[Finding]:
    """What the backend of `model` asks for beyond what Triton's core does."""
    yield from check_parameters(model)
    for version in model.served:
        for path, wrong in version.wrong:
            yield model.file_finding(FORMAT_IS_READ, path, f"The file {path} {wrong.what}", wrong.fix)
    if model.backend in _CHECKS:
        yield from _CHECKS[model.backend](model)
