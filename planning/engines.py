"""TensorRT engines: which must exist for a server on its pools.

An engine runs on the GPU architecture and the TensorRT version that it was built with (TensorRT documentation,
"Version Compatibility" and "Hardware Compatibility"), so both are part of its key, and so is what it was built
from. A pool with another GPU needs another engine, which is what breaks spot fallback elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planning.catalogue.gpus import Architecture
from planning.catalogue.releases import TritonRelease
from planning.findings import Finding, Rule, Severity, setting
from planning.pools import Pool
from planning.repository.model import Model

ENGINE_NOT_BUILT = Rule("TU291", Severity.WARNING, "A TensorRT model has its engine")
NO_TENSORRT_VERSION = Rule("TU292", Severity.ERROR, "The TensorRT version of a release with TensorRT models is known")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """What names one engine. `source_digest` is the SHA-256 of the ONNX file, in hex."""

    model: str
    source: str
    source_digest: str
    precision: str
    architecture: Architecture
    tensorrt: str

    def __str__(self) -> str:
        return f"{self.model}-{self.source_digest[:12]}-{self.precision}-{self.architecture.value}-trt{self.tensorrt}"


def plan_engines(
    server: str,
    planned: Sequence[Model],
    repository: Mapping[str, Model],
    pools: Sequence[Pool],
    release: TritonRelease,
) -> tuple[tuple[EngineKey, ...], tuple[Finding, ...]]:
    """The engines that `planned` (TensorRT models without an engine) need on the GPUs of `pools`."""
    keys: list[EngineKey] = []
    findings: list[Finding] = []
    for model in planned:
        if model.engine is None:
            continue
        if release.tensorrt is None:
            findings.append(
                Finding(
                    rule=NO_TENSORRT_VERSION,
                    at=setting(f"servers.{server}.release"),
                    what=f"The TensorRT version of {release.tag}, which {model.name!r} needs, is not in the catalogue.",
                    fix="Choose another release, or take the model off the list.",
                )
            )
            continue
        source = _digest(repository, model.engine.model, model.engine.file)
        architectures = sorted({pool.gpu.architecture for pool in pools})
        keys += [
            EngineKey(
                model=model.name,
                source=f"{model.engine.model}/{model.engine.file}",
                source_digest=source,
                precision=model.engine.precision,
                architecture=architecture,
                tensorrt=release.tensorrt,
            )
            for architecture in architectures
        ]
        on = ", ".join(architecture.value for architecture in architectures) or "no GPU"
        findings.append(
            Finding(
                rule=ENGINE_NOT_BUILT,
                at=setting(f"servers.{server}.models"),
                what=f"{model.name!r} is planned, not served: its engine for {on} with TensorRT {release.tensorrt} is"
                f" not built from {model.engine.model}/{model.engine.file} yet.",
                fix=f"Serve {model.engine.model!r} meanwhile, and accept this warning with a reason or take"
                f" {model.name!r} off the list.",
            )
        )
    return tuple(keys), tuple(findings)


def _digest(repository: Mapping[str, Model], model: str, file: str) -> str:
    source = repository.get(model)
    if source is None:
        return ""
    for version in source.served:
        for candidate in version.files:
            if candidate.path.as_posix() == file:
                return candidate.sha256
    return ""
