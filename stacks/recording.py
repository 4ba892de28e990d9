"""What a program would ask of the engine, recorded without one. `render`, `serve` and the tests all use this.

It runs in preview mode: what only a cloud knows stays unknown, unless outputs are supplied by hand. Nothing is
invented. The mock monitor of the SDK accepts what the engine refuses, so two resources of one type and name, an
invoke that nobody planned for, and text made from an Output by accident are refused here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pulumi
from pulumi.output import Unknown
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

STRINGIFIED_OUTPUT = "Calling __str__ on an Output[T] is not supported"


class RecordingError(Exception):
    """The program asked for something that the engine would refuse, or that nobody planned for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One resource as the program registered it. `inputs` may hold `Unknown`."""

    type: str
    name: str
    inputs: Mapping[str, Any]  # whatever a provider's schema has
    provider: str


Outputs = Mapping[str, Mapping[str, Any]]
"""Outputs by `<type>/<logical name>`, as a deployment would have reported them."""


class _Recorder(Mocks):
    def __init__(self, outputs: Outputs, calls: Outputs) -> None:
        self.outputs = outputs
        self.calls = calls
        self.resources: dict[tuple[str, str], Recorded] = {}
        self.refused: list[str] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = _with_integers(cast("dict[str, Any]", args.inputs))  # pyright: ignore[reportUnknownMemberType] - the SDK says dict
        key = (args.typ, args.name)
        if args.custom is None and f"{args.typ}/{args.name}" not in self.outputs:
            self.refused.append(f"{args.typ} {args.name!r} is read from the cloud and nobody planned for it")
        if key in self.resources:
            self.refused.append(f"two resources of type {args.typ} are named {args.name!r}")
        if STRINGIFIED_OUTPUT in args.name:
            self.refused.append(f"a resource of type {args.typ} has a name made from an Output")
        self.refused += [
            f"{args.typ} {args.name!r}: {path} holds text made from an Output"
            for path, value in leaves(inputs)
            if isinstance(value, str) and STRINGIFIED_OUTPUT in value
        ]
        self.resources[key] = Recorded(type=args.typ, name=args.name, inputs=inputs, provider=args.provider or "")
        supplied = self.outputs.get(f"{args.typ}/{args.name}", {})
        return supplied.get("id"), {**inputs, **supplied}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token not in self.calls:
            self.refused.append(f"the function {args.token} is called and nobody planned for it")
        return dict(self.calls.get(args.token, {})), []


def record(
    program: Callable[[], object], *, stack: str, outputs: Outputs | None = None, calls: Outputs | None = None
) -> tuple[Recorded, ...]:
    """Everything that `program` registers, sorted by type and name: the order of registration is chance.

    `calls` answers provider functions by token. RecordingError lists what was refused.
    """
    recorder = _Recorder(outputs or {}, calls or {})
    # The SDK makes futures before it has a loop, and whoever called `asyncio.run` before has left none.
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recorder, project="tritonup", stack=stack, preview=True)

    def run() -> None:
        program()

    try:
        pulumi.runtime.test(run)()  # pyright: ignore[reportUnknownMemberType] - the SDK leaves it untyped
    except Exception as failed:
        # What was refused is why it failed: an unplanned call gave it nothing to go on with.
        if recorder.refused:
            raise RecordingError("; ".join(sorted(recorder.refused))) from failed
        raise
    if recorder.refused:
        raise RecordingError("; ".join(sorted(recorder.refused)))
    return tuple(recorder.resources[key] for key in sorted(recorder.resources))


def _with_integers(value: Any) -> Any:
    """Numbers travel to the engine as doubles (protobuf's Struct); whole ones are integers again here."""
    match value:
        case dict():
            return {key: _with_integers(inner) for key, inner in cast("dict[str, Any]", value).items()}
        case list():
            return [_with_integers(inner) for inner in cast("list[Any]", value)]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value that holds no other, with its dotted path."""
    match value:
        case Mapping():
            for key, inner in cast("Mapping[str, object]", value).items():
                yield from leaves(inner, f"{path}.{key}" if path else key)
        case list():
            for index, inner in enumerate(cast("list[object]", value)):
                yield from leaves(inner, f"{path}.{index}")
        case _:
            yield path, value


def is_unknown(value: object) -> bool:
    return isinstance(value, Unknown)
