"""Tensors that a backend cannot take, whatever its model file says."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from planning.findings import Finding
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED
from planning.repository.config import data_type
from planning.repository.model import Model


def check_types(model: Model, backend: str, types: Collection[str]) -> Iterator[Finding]:
    """Every declared tensor is of one of `types`; a missing type is another rule's."""
    for kind, tensors in (("input", model.config.input), ("output", model.config.output)):
        for index, tensor in enumerate(tensors):
            stated = data_type(tensor.data_type)
            if stated not in types and stated != "TYPE_INVALID":
                what = f"{tensor.name!r} is {stated}, which {backend} does not take."
                fix = f"Convert it to one of {', '.join(sorted(types))}."
                yield model.finding(BACKEND_IS_SERVED, f"{kind}[{index}].data_type", what, fix)
