"""`engines publish`: an engine's answers held against the ONNX model's, and published where they agree.

Both are asked of the Triton beside it in the pod, which is of the image that will serve: what is published has been
loaded by it. The questions are the same each time: for the least, the best and the greatest shapes, numbers from a
generator with the key as its seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from pathlib import Path, PurePosixPath
from random import Random

from planning.engines.built import Accuracy
from planning.engines.orders import BuildOrder
from planning.engines.workplace import ENGINE, ORIGINAL, Workplace
from planning.settings.repository import Tolerance
from programs.arguments import add_store
from programs.ending import CANNOT, REFUSED, end_when_told, failed
from programs.engines_prepare import read_order
from programs.triton_answers import AnswerError, Given, ask, drawn, states
from publishing.engines import publish
from publishing.pulling import PullError
from publishing.store import Store, StoreError

START_S = 900
"""How long Triton may take to load both models. A choice of ours: it loads them from the node's disk."""

LOOK_S = 1.0


class InaccurateError(Exception):
    """The engine's answers are not the ONNX model's."""


def main(arguments: Sequence[str]) -> int:
    """What the process ends with."""
    asked = _asked(arguments)
    end_when_told()
    return check_and_publish(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    order: Path
    store: str
    region: str | None
    endpoint: str | None
    work: Path
    server: str
    start: float = START_S


def check_and_publish(asked: Asked) -> int:
    place = Workplace(PurePosixPath(asked.work))
    if Path(place.already).exists():
        return 0
    try:
        order = read_order(asked.order)
        _await_models(asked.server, asked.start)
        accuracy = compare(asked.server, order)
        store = Store(asked.store, region=asked.region, endpoint=asked.endpoint)
        engine, mine = publish(store, order, Path(place.plan), accuracy)
    except InaccurateError as refused:
        return failed(REFUSED, f"{refused} Nothing is published.")
    except (AnswerError, PullError, StoreError) as refused:
        return failed(CANNOT, str(refused))
    except OSError as refused:
        return failed(CANNOT, f"{refused.filename}: {refused.strerror}.")
    print(
        f"{order.name}: {accuracy.questions} questions answered alike, the greatest difference"
        f" {accuracy.greatest_difference:.3g}, {accuracy.share_of_tolerance:.0%} of what is allowed",
        flush=True,
    )
    print(f"published {engine.sha256}" if mine else f"another builder published {engine.sha256} before", flush=True)
    return 0


def compare(server: str, order: BuildOrder) -> Accuracy:
    """InaccurateError where any number of any answer is further off than the order allows."""
    random = Random(order.key)  # noqa: S311 - the same questions each time
    greatest, share = 0.0, 0.0
    questions = order.batches()
    names = [tensor.name for tensor in order.outputs]
    for batch, shapes in questions:
        types = {tensor.name: tensor.data_type.removeprefix("TYPE_") for tensor in order.inputs}
        inputs = [drawn(name, types[name], shape, random) for name, shape in shapes.items()]
        original, engine = (ask(server, model, inputs, names) for model in (ORIGINAL, ENGINE))
        for name in names:
            off, used = difference(engine[name], original[name], order.tolerance, batch)
            greatest, share = max(greatest, off), max(share, used)
    return Accuracy(questions=len(questions), greatest_difference=greatest, share_of_tolerance=share)


def difference(engine: Given, original: Given, tolerance: Tolerance, batch: int) -> tuple[float, float]:
    """The greatest absolute difference, and the greatest share of what is allowed. InaccurateError above all of it."""
    said = f"Output {engine.name!r} for a batch of {batch}"
    if engine.shape != original.shape:
        raise InaccurateError(f"{said} has shape {engine.shape}, and {original.shape} of the ONNX model.")
    greatest, share = 0.0, 0.0
    for index, (mine, its) in enumerate(zip(engine.numbers(), original.numbers(), strict=True)):
        if mine == its:
            continue
        off = abs(mine - its)
        allowed = tolerance.absolute + tolerance.relative * abs(its)
        if isnan(off) or not isfinite(off) or off > allowed:
            raise InaccurateError(
                f"{said} has {mine:.6g} at {index}, and {its:.6g} of the ONNX model: {off:.3g} apart, where"
                f" {allowed:.3g} is allowed (absolute {tolerance.absolute:g}, relative {tolerance.relative:g})."
            )
        greatest, share = max(greatest, off), max(share, off / allowed)
    return greatest, share


def _await_models(server: str, within: float) -> None:
    """Until Triton has loaded both. AnswerError where it cannot load one, in its own words."""
    until = time.monotonic() + within
    while True:
        try:
            found = states(server)
        except AnswerError as refused:
            found, why = dict[str, tuple[str, str]](), str(refused)
        else:
            why = f"it has {found}"
        for model in (ORIGINAL, ENGINE):
            state, reason = found.get(model, ("", ""))
            if state == "UNAVAILABLE":
                raise AnswerError(f"Triton cannot load the {model}: {reason}")
        if all(found.get(model, ("", ""))[0] == "READY" for model in (ORIGINAL, ENGINE)):
            return
        if time.monotonic() > until:
            raise AnswerError(f"Triton has not loaded both models within {within:g} s: {why}.")
        time.sleep(LOOK_S)


def _asked(arguments: Sequence[str]) -> Asked:
    parser = argparse.ArgumentParser(prog="engines publish", allow_abbrev=False)
    parser.add_argument("--order", required=True, type=Path, help="what was built, as JSON")
    add_store(parser)
    parser.add_argument("--work", required=True, type=Path, help="the volume that the Job's containers share")
    parser.add_argument("--server", required=True, help="where Triton answers: http://127.0.0.1:8000")
    parser.add_argument("--start", type=float, default=START_S, help="seconds that it may take to load both models")
    return Asked(**vars(parser.parse_args(arguments)))
