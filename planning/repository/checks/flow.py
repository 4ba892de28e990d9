"""The tensors that flow through an ensemble: each written once, read, and of one type and shape.

Source: ValidateEnsembleSchedulingConfig (core, src/model_config_utils.cc) for what is written and read,
ValidateTensorConsistency (src/ensemble_scheduler/ensemble_utils.cc) for types and shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planning.findings import Finding, Rule, Severity
from planning.repository.checks.options import OPTIONS_AGREE
from planning.repository.completion import ENSEMBLE
from planning.repository.config import TensorConfig, data_type
from planning.repository.model import Model, Repository
from planning.repository.suggestion import did_you_mean

TENSORS_AGREE = Rule("TU233", Severity.ERROR, "Whoever writes or reads a tensor of an ensemble agrees on it")
TENSORS_FLOW = Rule("TU234", Severity.ERROR, "Every tensor of an ensemble is written once and read")
ONE_DECOUPLED = Rule("TU236", Severity.ERROR, "No step of an ensemble joins answers of two decoupled models")


def check_flow(model: Model, repository: Repository) -> Iterator[Finding]:
    """The data flow of `model`, if it is an ensemble."""
    if model.backend != ENSEMBLE or not model.config.ensemble_scheduling.step:
        return
    yield from _check_written_and_read(model)
    yield from _check_agreement(model, repository)
    yield from _check_decoupled(model, repository)


def _check_written_and_read(model: Model) -> Iterator[Finding]:
    steps = model.config.ensemble_scheduling.step
    inputs = {tensor.name for tensor in model.config.input}
    outputs = {tensor.name for tensor in model.config.output}
    read = {tensor for step in steps for tensor in step.input_map.values()}
    written: dict[str, int] = {}
    for index, step in enumerate(steps):
        for name, tensor in sorted(step.output_map.items()):
            if tensor in written:
                what = f"The tensor {tensor!r} is written twice, by steps {written[tensor]} and {index}."
                at = f'ensemble_scheduling.step[{index}].output_map["{name}"]'
                yield model.finding(TENSORS_FLOW, at, what, "Give each output a tensor of its own.")
            written.setdefault(tensor, index)
    for index, tensor in enumerate(model.config.input):
        if tensor.name not in read:
            what = f"No step reads the ensemble's input {tensor.name!r}."
            fix = did_you_mean(tensor.name, read - set(written) - inputs) + "Map it to a step, or remove it."
            yield model.finding(TENSORS_FLOW, f"input[{index}].name", what, fix)
    for index, tensor in enumerate(model.config.output):
        if tensor.name not in written and tensor.name not in inputs:
            what = f"No step writes the ensemble's output {tensor.name!r}."
            fix = did_you_mean(tensor.name, set(written) - outputs) + "Map a step's output to it."
            yield model.finding(TENSORS_FLOW, f"output[{index}].name", what, fix)
    ready = _ready(model)
    for index, step in enumerate(steps):
        for name, tensor in sorted(step.input_map.items()):
            at = f'ensemble_scheduling.step[{index}].input_map["{name}"]'
            if tensor not in written and tensor not in inputs:
                what = f"The step reads the tensor {tensor!r}, which nothing writes."
                fix = did_you_mean(tensor, {*written, *inputs}) + "Name an input of the ensemble or a step's output."
                yield model.finding(TENSORS_FLOW, at, what, fix)
            elif tensor not in ready and _waits_for_itself(model, tensor):
                what = f"The step waits for the tensor {tensor!r}, which depends on the step itself."
                yield model.finding(TENSORS_FLOW, at, what, "Break the circle.")
        for name, tensor in sorted(step.output_map.items()):
            if tensor not in read and tensor not in outputs:
                what = f"Nothing reads the tensor {tensor!r}."
                at = f'ensemble_scheduling.step[{index}].output_map["{name}"]'
                fix = did_you_mean(tensor, outputs - set(written)) + "Leave it out of output_map, or map it on."
                yield model.finding(TENSORS_FLOW, at, what, fix)


def _ready(model: Model) -> set[str]:
    """The tensors that can be had from the ensemble's inputs, step by step."""
    ready = {tensor.name for tensor in model.config.input}
    waiting = list(model.config.ensemble_scheduling.step)
    while can_run := [step for step in waiting if ready.issuperset(step.input_map.values())]:
        waiting = [step for step in waiting if step not in can_run]
        ready.update(tensor for step in can_run for tensor in step.output_map.values())
    return ready


def _waits_for_itself(model: Model, tensor: str) -> bool:
    steps = model.config.ensemble_scheduling.step
    seen: set[str] = set()
    waiting = [tensor]
    while waiting:
        wanted = waiting.pop()
        for step in steps:
            if wanted in step.output_map.values():
                for needed in step.input_map.values():
                    if needed == tensor:
                        return True
                    if needed not in seen:
                        seen.add(needed)
                        waiting.append(needed)
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """A tensor as one model has it: `dims` without the batch, `full` with it."""

    by: str
    data_type: str
    dims: tuple[int, ...]
    batching: bool

    @property
    def full(self) -> tuple[int, ...]:
        return (-1, *self.dims) if self.batching else self.dims


def _check_agreement(model: Model, repository: Repository) -> Iterator[Finding]:
    first: dict[str, _Use] = {}
    for tensor in (*model.config.input, *model.config.output):
        first.setdefault(tensor.name, _own(model, tensor))
    for index, step in enumerate(model.config.ensemble_scheduling.step):
        called = repository.models.get(step.model_name)
        if called is None:
            continue
        for field, tensors, entries in (
            ("input_map", called.inputs, step.input_map),
            ("output_map", called.outputs, step.output_map),
        ):
            by_name = {tensor.name: tensor for tensor in tensors}
            for name, flowing in sorted(entries.items()):
                tensor = by_name.get(name)
                if tensor is None or not tensor.dims or tensor.data_type == "TYPE_INVALID":
                    continue
                use = _Use(
                    by=f"{called.name}.{name}",
                    data_type=tensor.data_type,
                    dims=tensor.dims,
                    batching=called.max_batch_size > 0,
                )
                at = f'ensemble_scheduling.step[{index}].{field}["{name}"]'
                yield from _compare(model, at, flowing, first.setdefault(flowing, use), use)


def _own(model: Model, tensor: TensorConfig) -> _Use:
    dims = tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims
    return _Use(
        by=f"{model.name}.{tensor.name}",
        data_type=data_type(tensor.data_type),
        dims=tuple(dims),
        batching=model.config.max_batch_size > 0,
    )


def _compare(model: Model, at: str, tensor: str, one: _Use, other: _Use) -> Iterator[Finding]:
    if one.data_type != other.data_type:
        what = f"The tensor {tensor!r} is {one.data_type} in {one.by} and {other.data_type} in {other.by}."
        yield model.finding(TENSORS_AGREE, at, what, "Give both the same data_type.")
    elif not _match(one.dims, other.dims) and not _match(one.full, other.full):
        what = (
            f"The tensor {tensor!r} is {list(one.full)} in {one.by} and {list(other.full)} in {other.by}"
            " (batch included)."
        )
        yield model.finding(TENSORS_AGREE, at, what, "Give both the same dims, or -1 where they vary.")


def _match(one: Sequence[int], other: Sequence[int]) -> bool:
    return len(one) == len(other) and all(
        -1 in (left, right) or left == right for left, right in zip(one, other, strict=True)
    )


def is_decoupled(model: Model, repository: Repository) -> bool:
    """Whether `model`, or a model that it calls, answers any number of times (ValidateEnsembleConfig sets it for the
    ensemble)."""
    waiting, seen = [model], set[str]()
    while waiting:
        one = waiting.pop()
        if one.name not in seen:
            seen.add(one.name)
            if one.backend != ENSEMBLE and one.config.model_transaction_policy.decoupled:
                return True
            waiting += [repository.models[step] for step in one.steps if step in repository.models]
    return False


def _check_decoupled(model: Model, repository: Repository) -> Iterator[Finding]:
    """A decoupled model answers any number of times, so that answers of two of them have no partner."""
    origin: dict[str, int | None] = {tensor.name: None for tensor in model.config.input}
    waiting = list(enumerate(model.config.ensemble_scheduling.step))
    while can_run := [one for one in waiting if all(name in origin for name in one[1].input_map.values())]:
        waiting = [one for one in waiting if one not in can_run]
        for index, step in can_run:
            origins = {origin[tensor] for tensor in step.input_map.values()}
            if len(origins) > 1:
                what = f"The step of {step.model_name!r} joins tensors that come of different decoupled models."
                at = f"ensemble_scheduling.step[{index}]"
                yield model.finding(ONE_DECOUPLED, at, what, "Join them in the client, or in a model with BLS.")
            called = repository.models.get(step.model_name)
            decoupled = called is not None and is_decoupled(called, repository)
            for tensor in step.output_map.values():
                origin.setdefault(tensor, index if decoupled else next(iter(origins), None))
    if model.config.response_cache.enable and is_decoupled(model, repository):
        what = (
            "The response cache is on for an ensemble whose steps may answer any number of times: they are decoupled."
        )
        yield model.finding(OPTIONS_AGREE, "response_cache", what, "Leave response_cache out.")
    answers = {origin[tensor.name] for tensor in model.config.output if tensor.name in origin}
    if len(answers) > 1:
        what = "The ensemble's outputs come of different decoupled models."
        yield model.finding(ONE_DECOUPLED, "output", what, "Make an ensemble of each.")
