"""NVIDIA's own client, typed as far as it is used here: `tritonclient` carries no types of its own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from local.errors import CannotServeError

Array = NDArray[Any]
"""Of any of Triton's data types: which one is known at run time only."""

_NUMPY: Mapping[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
"""The KServe v2 protocol's data types ("Tensor Data Types") that NumPy has."""


class Wire(StrEnum):
    """Which of Triton's two protocols carries a request."""

    HTTP = "http"
    GRPC = "grpc"


class InferInput(Protocol):
    def set_data_from_numpy(self, array: Array) -> object: ...


class InferResult(Protocol):
    def as_numpy(self, name: str) -> Array | None: ...


class Client(Protocol):
    def infer(
        self, model: str, inputs: Sequence[InferInput], *, outputs: Sequence[object] | None, **options: float
    ) -> InferResult: ...
    def get_model_metadata(self, model: str, **options: bool) -> Mapping[str, Sequence[Mapping[str, object]]]: ...
    def close(self) -> None: ...


class ClientLibrary(Protocol):
    """What `tritonclient.http` and `tritonclient.grpc` have in common. Neither is typed."""

    def InferenceServerClient(self, url: str, **options: object) -> Client: ...  # noqa: N802
    def InferInput(self, name: str, shape: list[int], datatype: str) -> InferInput: ...  # noqa: N802
    def InferRequestedOutput(self, name: str, *, class_count: int) -> object: ...  # noqa: N802


def client_library(wire: Wire) -> ClientLibrary:
    """`tritonclient.http` or `tritonclient.grpc`. Each takes half a second to import."""
    try:
        return cast("ClientLibrary", importlib.import_module(f"tritonclient.{wire}"))
    except (ImportError, RuntimeError) as error:  # it raises the latter where its own extra is missing
        raise CannotServeError(f"tritonclient[{wire}] is not installed here: {error}.") from error


def server_exception() -> type[Exception]:
    """What the client raises where the server answers with an error, or not at all."""
    return cast("type[Exception]", importlib.import_module("tritonclient.utils").InferenceServerException)


def numpy_type(datatype: str) -> type[np.generic]:
    """NumPy's type for the protocol's `datatype`. Raises CannotServeError where there is none."""
    if datatype not in _NUMPY:
        raise CannotServeError(f"{datatype!r} is no data type that can be sent: one of {', '.join(_NUMPY)}.")
    return _NUMPY[datatype]
