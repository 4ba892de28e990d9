"""What a Python model's `auto_complete_config` says against the config (triton-inference-server/python_backend f9088ff,
src/resources/triton_python_backend_utils.py, ModelConfig, and src/pb_stub.cc, AutoCompleteModelConfig).

Triton calls it unless it is told not to complete configs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import cast

from planning.findings import Finding
from planning.repository.checks.backends.rules import BACKEND_IS_SERVED
from planning.repository.config import TensorConfig, data_type
from planning.repository.model import Model
from planning.repository.python_completion import METHOD, UNKNOWN, Call, Completion

_PROPERTIES = {"add_input": ("name", "data_type", "dims", "optional"), "add_output": ("name", "data_type", "dims")}
_NEEDED = ("name", "data_type", "dims")


def check_completion(model: Model, path: PurePosixPath, completion: Completion) -> Iterator[Finding]:
    """The first thing at which loading ends, if any."""
    state = _State(model=model, path=path, batch=model.config.max_batch_size)
    first = next((finding for call in completion.calls for finding in state.take(call)), None)
    if first is not None:
        yield first
    elif not completion.returns:
        what = f"{METHOD} of {path} returns nothing."
        yield model.file_finding(BACKEND_IS_SERVED, path, what, "Return the config that it was given.")


@dataclass(slots=True, kw_only=True)
class _State:
    """The config as it is completed so far: `said` are the tensors that the code has added, by list and name."""

    model: Model
    path: PurePosixPath
    batch: int | None
    said: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def take(self, call: Call) -> Iterator[Finding]:
        here = f"{METHOD} of {self.path} (line {call.line})"
        match call.method:
            case "set_max_batch_size":
                largest = call.argument if isinstance(call.argument, int) else None
                if self.batch is not None and largest is not None and self.batch > largest:
                    what = f"max_batch_size is {self.batch}, and {here} takes {largest} at the most."
                    fix = f"Write max_batch_size: {largest} or less, or leave it out."
                    yield self.model.finding(BACKEND_IS_SERVED, "max_batch_size", what, fix)
                self.batch = largest
            case "set_dynamic_batching":
                if self.model.config.HasField("sequence_batching"):
                    what = f"{here} sets dynamic batching for a model with sequence batching."
                    yield self.model.finding(BACKEND_IS_SERVED, "sequence_batching", what, "Leave one of them out.")
            case "set_model_transaction_policy":
                yield from self._policy(here, call.argument)
            case _:
                yield from self._tensor(here, call)

    def _policy(self, here: str, argument: object) -> Iterator[Finding]:
        if not isinstance(argument, Mapping):
            return
        policy = cast("Mapping[str, object]", argument)
        stray = next((name for name in policy if name != "decoupled"), None)
        wanted, config = policy.get("decoupled", UNKNOWN), self.model.config
        if stray is not None:
            what = f"{here} sets {stray!r} of model_transaction_policy."
            yield self.model.file_finding(BACKEND_IS_SERVED, self.path, what, "Set decoupled alone.")
        elif isinstance(wanted, bool) and config.HasField("model_transaction_policy"):
            stated = config.model_transaction_policy.decoupled
            if stated != wanted:
                what = f"decoupled is {str(stated).lower()}, and {here} sets it to {str(wanted).lower()}."
                at = "model_transaction_policy.decoupled"
                yield self.model.finding(BACKEND_IS_SERVED, at, what, "Give both the same, or leave it out here.")

    def _tensor(self, here: str, call: Call) -> Iterator[Finding]:
        argument, kind = call.argument, call.method.removeprefix("add_")
        if not isinstance(argument, Mapping):
            return
        tensor = cast("Mapping[str, object]", argument)
        stray = next((name for name in tensor if name not in _PROPERTIES[call.method]), None)
        missing = next((name for name in _NEEDED if name not in tensor), None)
        if stray is not None or missing is not None:
            what = f"{here} adds an {kind} " + (f"with {stray!r}." if stray is not None else f"without {missing!r}.")
            fix = f"Give it {', '.join(_PROPERTIES[call.method])} and nothing else; optional may be left out."
            if kind == "output":
                fix = f"Give it {', '.join(_NEEDED)} and nothing else."
            yield self.model.file_finding(BACKEND_IS_SERVED, self.path, what, fix)
            return
        name = tensor["name"]
        if not isinstance(name, str) or (kind, name) in self.said:
            return
        self.said.add((kind, name))
        declared: Sequence[TensorConfig] = self.model.config.input if kind == "input" else self.model.config.output
        index = next((index for index, one in enumerate(declared) if one.name == name), None)
        if index is not None:
            yield from self._compare(here, f"{kind}[{index}]", declared[index], tensor)

    def _compare(self, here: str, at: str, one: TensorConfig, tensor: Mapping[str, object]) -> Iterator[Finding]:
        stated, dims = data_type(one.data_type), list(one.dims)
        if stated != "TYPE_INVALID" and tensor["data_type"] not in (stated, UNKNOWN):
            what = f"{one.name!r} is {stated} in the config, and {tensor['data_type']} by {here}."
            yield self.model.finding(BACKEND_IS_SERVED, f"{at}.data_type", what, "Give both the same data_type.")
        elif dims and tensor["dims"] is not UNKNOWN and tensor["dims"] != dims:
            what = f"{one.name!r} has dims {dims} in the config, and {tensor['dims']} by {here}."
            yield self.model.finding(BACKEND_IS_SERVED, f"{at}.dims", what, "Give both the same dims, as a list.")
