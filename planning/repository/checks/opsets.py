"""ONNX graphs against the ONNX Runtime that a server's release carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planning.catalogue.releases import TritonRelease
from planning.findings import Finding, Rule, Severity
from planning.repository.model import Model

RUNTIME_KNOWS = Rule("TU218", Severity.ERROR, "The server's ONNX Runtime knows the graph's operator set")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxSupport:
    """What a release's ONNX Runtime loads at most: the operator set of the domain `ai.onnx` and the IR
    version. `release` names it in messages (`Triton 26.08, ONNX Runtime 1.24`)."""

    release: str
    opset: int
    ir_version: int

    @classmethod
    def of(cls, release: TritonRelease) -> OnnxSupport | None:
        """What `release` loads, where it is known which ONNX Runtime it carries and what that loads."""
        runtime = release.onnxruntime
        known = LOADED.get(".".join(runtime.split(".")[:2])) if runtime is not None else None
        if known is None:
            return None
        return cls(release=f"Triton {release.tag} (ONNX Runtime {runtime})", opset=known[0], ir_version=known[1])


LOADED: Mapping[str, tuple[int, int]] = {
    "1.19": (21, 10),
    "1.23": (23, 11),
    "1.24": (25, 13),
    "1.27": (26, 13),
    "1.28": (26, 13),
}
"""The operator set of `ai.onnx` and the IR version that ONNX Runtime loads at most, by its minor version. Measured on
2026-11-27 with PyPI's wheels 1.19.2, 1.23.1, 1.23.2, 1.24.1, 1.24.2, 1.24.4, 1.27.0 and 1.28.0: each was given a graph
of every number until it refused one (`ValidateOpsetForDomain` and `Model::Model`, onnxruntime/core/graph)."""


def check_opsets(model: Model, support: OnnxSupport) -> tuple[Finding, ...]:
    """Whoever knows a server's release calls this; the repository alone does not.

    ONNX Runtime refuses a newer IR version and a newer `ai.onnx` operator set than it knows
    (onnxruntime.ai/docs/reference/compatibility.html).
    """
    return tuple(_check(model, support))


def _check(model: Model, support: OnnxSupport) -> Iterator[Finding]:
    for version in model.served:
        if version.graph is None:
            continue
        path = f"{version.number}/{model.model_filename}"
        opset = version.graph.opsets.get("ai.onnx", 0)
        if opset > support.opset:
            what = f"The graph uses operator set {opset}; {support.release} knows up to {support.opset}."
            fix = f"Export it with opset {support.opset} or lower, or take a newer release."
            yield model.file_finding(RUNTIME_KNOWS, path, what, fix)
        if version.graph.ir_version > support.ir_version:
            what = (
                f"The graph has IR version {version.graph.ir_version};"
                f" {support.release} knows up to {support.ir_version}."
            )
            fix = f"Save it with ir_version {support.ir_version}, or take a newer release."
            yield model.file_finding(RUNTIME_KNOWS, path, what, fix)
