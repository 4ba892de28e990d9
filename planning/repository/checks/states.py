"""States that Triton keeps between the requests of a sequence, and what each begins with."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import PurePosixPath

from planning.findings import Finding
from planning.repository.checks.sequences import CONTROLS_FIT
from planning.repository.checks.warmup import ELEMENT_BYTES
from planning.repository.config import InitialState, SequenceState, data_type
from planning.repository.model import Model


def check_states(model: Model) -> Iterator[Finding]:
    """SequenceBatchScheduler::Create and GenerateInitialStateData (core,
    src/sequence_batch_scheduler/sequence_batch_scheduler.cc)."""
    begun: set[str] = set()
    for index, state in enumerate(model.config.sequence_batching.state):
        at = f"sequence_batching.state[{index}]"
        if len(state.initial_state) > 1:
            what = f"The state {state.input_name!r} has {len(state.initial_state)} initial states."
            yield model.finding(CONTROLS_FIT, f"{at}.initial_state", what, "Keep one.")
            continue
        for start in state.initial_state:
            if state.input_name in begun:
                what = f"Two states begin in the input {state.input_name!r}."
                yield model.finding(CONTROLS_FIT, at, what, "Give each state an input of its own.")
            begun.add(state.input_name)
            yield from _check_start(model, f"{at}.initial_state[0]", state, start)


def _check_start(model: Model, at: str, state: SequenceState, start: InitialState) -> Iterator[Finding]:
    called = f"The initial state of {state.input_name!r}"
    kind, dims, wanted = data_type(state.data_type), list(start.dims), list(state.dims)
    if not start.name:
        what = f"{called} has no name."
        yield model.finding(CONTROLS_FIT, at, what, "Write name, for messages.")
    if start.data_type != state.data_type:
        what = f"{called} is {data_type(start.data_type)}, the state {kind}."
        yield model.finding(CONTROLS_FIT, f"{at}.data_type", what, f"Write data_type: {kind}.")
    if any(dim == -1 for dim in dims):
        what = f"{called} has the dims {dims}: a beginning needs every size."
        yield model.finding(CONTROLS_FIT, f"{at}.dims", what, "Write sizes, without the batch dimension.")
    elif len(dims) != len(wanted) or any(want not in (-1, dim) for dim, want in zip(dims, wanted, strict=True)):
        what = f"{called} has the dims {dims}, the state {wanted}."
        yield model.finding(CONTROLS_FIT, f"{at}.dims", what, "Write sizes that fit the state's dims.")
    if start.WhichOneof("state_data") is None:
        what = f"{called} does not say where its data come from."
        yield model.finding(CONTROLS_FIT, at, what, "Write zero_data: true or data_file.")
    if start.data_file:
        yield from _check_file(model, f"{at}.data_file", start)


def _check_file(model: Model, at: str, start: InitialState) -> Iterator[Finding]:
    path = PurePosixPath("initial_state", start.data_file)
    file, kind = model.file(path), data_type(start.data_type)
    needed = prod(start.dims) * ELEMENT_BYTES.get(kind, 0)
    if file is None:
        what = f"The initial state's file {str(path)!r} is missing."
        fix = f"Put it into {(model.directory / 'initial_state').as_posix()}."
        yield model.finding(CONTROLS_FIT, at, what, fix)
    elif file.size < needed:
        what = (
            f"The initial state's file {str(path)!r} has {file.size} bytes; {list(start.dims)} of {kind} are {needed}."
        )
        yield model.finding(CONTROLS_FIT, at, what, "Write all of the raw bytes into the file.")
