"""ONNX's own shape inference, by its C++ extension alone."""

from __future__ import annotations

from typing import Protocol, cast

from planning.repository.generated import load


class _ShapeInference(Protocol):
    def infer_shapes(self, model: bytes, check_type: bool, strict: bool, data_prop: bool, /) -> bytes: ...


def infer_shapes(model: bytes, *, follow_values: bool) -> bytes | None:
    """`model`, a serialised ModelProto, with the shapes that follow from its operators; None where it contradicts them.
    `follow_values`: also what is computed from shapes and small constants, such as the target of a Reshape."""
    inference = cast("_ShapeInference", load("onnx", "onnx_cpp2py_export").shape_inference)
    try:
        return inference.infer_shapes(model, False, False, follow_values)
    except Exception:  # noqa: BLE001  (the extension's own exception types; whatever it is, shapes stay open)
        return None
