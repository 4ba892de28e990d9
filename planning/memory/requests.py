"""The greatest request that memory is planned for: a full batch, and of every size that a config leaves open the
greatest that the model's own warm-up sends.

What is larger than that needs more memory than was planned. A model is therefore warmed up with the longest request
that it shall answer: Triton then takes that memory before it is ready.
"""

from __future__ import annotations

from math import prod
from typing import Final

from planning.repository.model import Model, Tensor

ASSUMED_SIZE: Final = 64
"""Of a size that is open and that no warm-up sends. A choice of ours."""

STRING_BYTES: Final = 128
"""Of one string, its length included. A choice of ours: a sentence."""

_ELEMENT_BYTES: Final = {
    **dict.fromkeys(("TYPE_BOOL", "TYPE_UINT8", "TYPE_INT8"), 1),
    **dict.fromkeys(("TYPE_UINT16", "TYPE_INT16", "TYPE_FP16", "TYPE_BF16"), 2),
    **dict.fromkeys(("TYPE_UINT32", "TYPE_INT32", "TYPE_FP32"), 4),
    **dict.fromkeys(("TYPE_UINT64", "TYPE_INT64", "TYPE_FP64"), 8),
    "TYPE_STRING": STRING_BYTES,
}
"""By the names of the config (model_config.proto, DataType)."""


def batch(model: Model) -> int:
    return max(1, model.max_batch_size)


def dims(model: Model, tensor: Tensor) -> tuple[int, ...]:
    """Of an input or output in the greatest request, the batch included."""
    warmed = [
        tuple(given.dims)
        for warmup in model.config.model_warmup
        for name, given in warmup.inputs.items()
        if name == tensor.name and len(given.dims) == len(tensor.dims)
    ]
    open_sizes = [size for given in warmed for size, written in zip(given, tensor.dims, strict=True) if written < 0]
    inner = tuple(
        written
        if written >= 0
        else max((given[position] for given in warmed), default=max(open_sizes, default=_like(model)))
        for position, written in enumerate(tensor.dims)
    )
    return (batch(model), *inner) if model.max_batch_size > 0 else inner


def _like(model: Model) -> int:
    """An output's open size follows from the inputs' ones: the greatest that a warm-up sends for any of them."""
    by_name = {tensor.name: tensor for tensor in model.inputs}
    sent = [
        size
        for warmup in model.config.model_warmup
        for name, given in warmup.inputs.items()
        if name in by_name and len(given.dims) == len(by_name[name].dims)
        for size, written in zip(given.dims, by_name[name].dims, strict=True)
        if written < 0
    ]
    return max(sent, default=ASSUMED_SIZE)


def input_bytes(model: Model) -> int:
    return sum(_bytes(model, tensor) for tensor in model.inputs)


def output_bytes(model: Model) -> int:
    return sum(_bytes(model, tensor) for tensor in model.outputs)


def _bytes(model: Model, tensor: Tensor) -> int:
    return prod(dims(model, tensor)) * _ELEMENT_BYTES.get(tensor.data_type, 1)
