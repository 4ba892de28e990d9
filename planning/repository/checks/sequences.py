"""Sequence batching: control tensors, states and sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from planning.findings import Finding, Rule, Severity
from planning.repository.config import SequenceControl, data_type, enum_name
from planning.repository.model import Model

CONTROLS_FIT = Rule("TU222", Severity.ERROR, "Sequence batching names controls, states and sizes that fit")

_CORRELATION = "CONTROL_SEQUENCE_CORRID"
_CORRELATION_TYPES = ("TYPE_UINT64", "TYPE_INT64", "TYPE_UINT32", "TYPE_INT32", "TYPE_STRING")
_VALUES = ("int32_false_true", "fp32_false_true", "bool_false_true")


def check_sequences(model: Model) -> Iterator[Finding]:
    """ValidateModelConfig, GetBooleanSequenceControlProperties and GetTypedSequenceControlProperties
    (core, src/model_config_utils.cc), and the controls' own inputs (ValidateBooleanSequenceControl,
    onnxruntime_backend src/onnxruntime.cc)."""
    if not model.config.HasField("sequence_batching"):
        return
    batching = model.config.sequence_batching
    for strategy in ("oldest",) if batching.HasField("oldest") else ():
        for size in batching.oldest.preferred_batch_size:
            if not 1 <= size <= model.max_batch_size:
                what = f"The preferred batch size {size} is not within 1 and max_batch_size {model.max_batch_size}."
                field = f"sequence_batching.{strategy}.preferred_batch_size"
                yield model.finding(CONTROLS_FIT, field, what, f"Leave {size} out, or change max_batch_size.")
    utilisation = batching.direct.minimum_slot_utilization
    if not 0 <= utilisation <= 1:
        what = f"minimum_slot_utilization is {utilisation:g}."
        field = "sequence_batching.direct.minimum_slot_utilization"
        yield model.finding(CONTROLS_FIT, field, what, "Write a share from 0 to 1.")
    yield from _check_controls(model)


def _check_controls(model: Model) -> Iterator[Finding]:
    kinds: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for index, tensor in enumerate(model.config.sequence_batching.control_input):
        at = f"sequence_batching.control_input[{index}]"
        names[tensor.name] += 1
        if not tensor.name:
            yield model.finding(CONTROLS_FIT, at, "The control input has no name.", "Name the graph's input.")
        elif names[tensor.name] == 2:
            what = f"Two control inputs are named {tensor.name!r}."
            yield model.finding(CONTROLS_FIT, at, what, "Give each kind of control an input of its own.")
        for control in tensor.control:
            kind = enum_name("ModelSequenceBatching.Control.Kind", control.kind)
            kinds[kind] += 1
            if kinds[kind] == 2:
                what = f"{kind} is given to more than one input."
                yield model.finding(CONTROLS_FIT, at, what, f"Keep one input for {kind}.")
            yield from _check_control(model, at, kind, control)
        yield from _check_control_input(model, at, tensor.name)


def _check_control(model: Model, at: str, kind: str, control: SequenceControl) -> Iterator[Finding]:
    values = (control.int32_false_true, control.fp32_false_true, control.bool_false_true)
    given = {name: list(pair) for name, pair in zip(_VALUES, values, strict=True) if pair}
    if kind == _CORRELATION:
        stated = data_type(control.data_type)
        if given:
            what = f"{kind} has {', '.join(given)}, and takes a data_type only."
            yield model.finding(CONTROLS_FIT, at, what, "Write data_type: TYPE_UINT64 instead.")
        if stated not in _CORRELATION_TYPES:
            what = f"{kind} has the data_type {stated}."
            yield model.finding(CONTROLS_FIT, at, what, f"Write one of {', '.join(_CORRELATION_TYPES)}.")
    elif len(given) != 1:
        what = f"{kind} has {' and '.join(given) or 'no values'}."
        yield model.finding(CONTROLS_FIT, at, what, f"Write one of {', '.join(_VALUES)}.")
    else:
        for name, pair in given.items():
            if len(pair) != 2:
                what = f"{kind} has {len(pair)} values in {name}."
                yield model.finding(CONTROLS_FIT, at, what, "Write two: what means false, and what means true.")


def _check_control_input(model: Model, at: str, name: str) -> Iterator[Finding]:
    """A control must be an input of the graph, one value for each sequence of the batch."""
    for version in model.served:
        if version.graph is None or not name:
            continue
        tensor = next((tensor for tensor in version.graph.inputs if tensor.name == name), None)
        if tensor is None:
            what = f"The graph {version.number}/{model.model_filename} has no input {name!r}."
            yield model.finding(CONTROLS_FIT, at, what, "Name an input of the graph.")
        elif tensor.dims is not None and tensor.dims[1 if model.max_batch_size else 0 :] != (1,):
            what = f"{name!r} is {list(tensor.dims)} in the graph {version.number}/{model.model_filename}."
            yield model.finding(CONTROLS_FIT, at, what, "A control is one value: export it with the shape [ 1 ].")
