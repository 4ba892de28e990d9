"""ONNX graphs against the ONNX Runtime that a server's release carries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
