"""The optimisation profile: between which shapes of its inputs an engine runs, and for which it is tuned.

Where only the batch is free, it follows from the config: from one up to `max_batch_size`, tuned for the greatest
preferred batch. Other free dimensions are the user's to state, in trtexec's own words: the parameters
`tritonup.engine.min_shapes`, `opt_shapes` and `max_shapes`, each `input:1x8,other:1x8`, the batch included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MIN_SHAPES, OPT_SHAPES, MAX_SHAPES = (f"tritonup.engine.{which}_shapes" for which in ("min", "opt", "max"))

Dims = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputShapes:
    """Of one input, each with its batch."""

    name: str
    min: Dims
    opt: Dims
    max: Dims


class ShapesError(ValueError):
    """The profile cannot be told. `parameter` is the one to write or to correct; the message is a sentence."""

    def __init__(self, parameter: str, what: str) -> None:
        super().__init__(what)
        self.parameter = parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """`dims` are the ONNX graph's, -1 for free ones; None where it states none. `bound` are those that requests bring,
    with the batch: a config may fix what the graph leaves free."""

    name: str
    dims: Dims | None
    bound: Dims


def profile(
    inputs: Sequence[Input],
    stated: Mapping[str, str],
    *,
    max_batch_size: int,
    preferred: Sequence[int] = (),
) -> tuple[InputShapes, ...]:
    """For those of `inputs` that have a free dimension; empty where there are none. `stated`: the parameters that the
    config has. ShapesError where a free dimension has no bounds, or bounds contradict the graph."""
    read = {which: _read(which, stated[which]) for which in (MIN_SHAPES, OPT_SHAPES, MAX_SHAPES) if which in stated}
    known = {one.name for one in inputs}
    for which, shapes in read.items():
        if strange := [name for name in shapes if name not in known]:
            raise ShapesError(which, f"names {strange[0]!r}, which is no input of the ONNX model.")
    best = max((size for size in preferred if size <= max_batch_size), default=max_batch_size)
    found: list[InputShapes] = []
    for one in inputs:
        name, dims = one.name, one.dims
        if dims is None:
            raise ShapesError(MIN_SHAPES, f"cannot be told: the input {name!r} states no dimensions.")
        if -1 not in dims:
            if missing := next((which for which, shapes in read.items() if name in shapes), None):
                raise ShapesError(missing, f"names {name!r}, whose dimensions are fixed.")
            continue
        batched = max_batch_size > 0 and dims[0] == -1
        bounds = [
            _bound(which, one, dims, read.get(which, {}), batch if batched else None)
            for which, batch in ((MIN_SHAPES, 1), (OPT_SHAPES, best), (MAX_SHAPES, max_batch_size))
        ]
        for (which, lower), upper in zip(zip((OPT_SHAPES, MAX_SHAPES), bounds, strict=False), bounds[1:], strict=True):
            if any(low > high for low, high in zip(lower, upper, strict=True)):
                raise ShapesError(which, f"has {_text(upper)} for {name!r}, which is below {_text(lower)}.")
        if batched and (bounds[0][0] > 1 or bounds[2][0] < max_batch_size):
            which, at = (MIN_SHAPES, bounds[0]) if bounds[0][0] > 1 else (MAX_SHAPES, bounds[2])
            raise ShapesError(
                which, f"has {_text(at)} for {name!r}, and Triton sends batches from 1 to {max_batch_size}."
            )
        found.append(InputShapes(name=name, min=bounds[0], opt=bounds[1], max=bounds[2]))
    return tuple(found)


def arguments(shapes: Sequence[InputShapes]) -> tuple[str, ...]:
    """What trtexec is told (samples/common/sampleOptions.cpp, --minShapes)."""
    if not shapes:
        return ()
    return tuple(
        f"--{which}Shapes=" + ",".join(f"{one.name}:{_text(getattr(one, which))}" for one in shapes)
        for which in ("min", "opt", "max")
    )


def _bound(which: str, one: Input, dims: Dims, stated: Mapping[str, Dims], batch: int | None) -> Dims:
    name = one.name
    if name not in stated:
        known = one.bound if len(one.bound) == len(dims) else dims
        filled = tuple(bound if size == -1 else size for size, bound in zip(dims, known, strict=True))
        filled = filled if batch is None else (batch, *filled[1:])
        if -1 in filled:
            raise ShapesError(which, f"is missing for the input {name!r}, whose dimensions are {_text(dims)}.")
        return filled
    given = stated[name]
    if len(given) != len(dims) or any(fixed not in (-1, size) for fixed, size in zip(dims, given, strict=True)):
        raise ShapesError(which, f"has {_text(given)} for {name!r}, whose dimensions are {_text(dims)}.")
    return given


def _read(which: str, text: str) -> dict[str, Dims]:
    shapes: dict[str, Dims] = {}
    for part in text.split(","):
        name, _, dims = part.strip().rpartition(":")
        if not name or not re.fullmatch(r"[1-9][0-9]*(x[1-9][0-9]*)*", dims):
            raise ShapesError(which, f"is {text!r}, and no list of shapes.")
        shapes[name] = tuple(map(int, dims.split("x")))
    return shapes


def _text(dims: Dims) -> str:
    return "x".join(map(str, dims))
