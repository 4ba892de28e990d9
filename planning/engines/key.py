"""What names one engine: everything that it depends on, and nothing else.

By default an engine is compatible only with the TensorRT version that built it, and with GPUs of the architecture that
it was built on (TensorRT 11.1, "Engine Compatibility"). The architecture is the compute capability: an engine of an
A100 (8.0) does not load on an A10G (8.6), both Ampere. Among GPUs of one compute capability it loads, and may be slower
than one built there; Triton, which chooses by compute capability, could not tell two of them apart. So an engine is
built on the very GPU kind that serves; where a server runs on several kinds of one capability, it is built on the first
of them for all, with TensorRT's hardware compatibility level `sameComputeCapability` (NvInfer.h,
HardwareCompatibilityLevel: since Turing, at some cost).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from planning.engines.shapes import InputShapes

Capability = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """`source` is the digest (hex) of the ONNX file and its external data; `shapes` the optimisation profile, empty
    where all shapes are fixed; `gpus` the kinds that it shall run on, sorted, with their MIG profile where they are
    cut; `capability` theirs; `tensorrt` the version, whole."""

    source: str
    precision: str
    shapes: tuple[InputShapes, ...]
    gpus: tuple[str, ...]
    capability: Capability
    tensorrt: str

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """Its folder below a destination's `engines/`, and its entry in the lock: what people look for, a digest."""
        major, minor = self.capability
        return f"{self.source[:12]}-{self.precision}-sm{major}{minor}-trt{self.tensorrt}-{self.digest[:16]}"

    def __str__(self) -> str:
        return self.name


def written(capability: Capability) -> str:
    """As Triton writes it in `cc_model_filenames`: `8.6`."""
    major, minor = capability
    return f"{major}.{minor}"
