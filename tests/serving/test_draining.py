"""A server that leaves answers what it has accepted, and leaves nothing behind."""

from __future__ import annotations

import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from rendered_deployment import deployment
from serving_workplace import Workplace, eventually
from small_models import sleeping

from local.client import Wire
from local.triton import RunningTriton

INSTANCES = 4


def sleep_in(triton: RunningTriton, seconds: float, wire: Wire) -> float:
    """Ask the model to take that long; what it answers."""
    library: Any = tritonclient.http if wire is Wire.HTTP else tritonclient.grpc
    with library.InferenceServerClient(f"127.0.0.1:{dict(triton.prepared.ports)[wire]}") as client:
        given = library.InferInput("SECONDS", [1], "FP32")
        given.set_data_from_numpy(np.float32([seconds]))
        return float(client.infer("sleeping", [given]).as_numpy("SLEPT")[0])


def pending(triton: RunningTriton) -> int:
    """Requests that the model has accepted and not begun, by Triton's own metric."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{triton.prepared.ports.metrics}/metrics") as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0  # its metrics are served a moment after it is ready
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("nv_inference_pending_request_count{"))


def steps_of(leaving: Iterator[str], at_sigterm: Callable[[], None] = lambda: None) -> list[str]:
    """All steps until it has left, as the command line shows them."""
    steps: list[str] = []
    for step in leaving:
        if step.startswith("SIGTERM"):
            at_sigterm()
        steps += [step] if step else []
        time.sleep(0.02)
    return steps


def started(steps: Sequence[str]) -> list[str]:
    return [step.split(":")[0].split(" ")[0] for step in steps]


def test_every_request_in_flight_is_answered_when_the_server_leaves(workplace: Workplace, tmp_path: Path) -> None:
    model = sleeping(tmp_path, instances=INSTANCES)
    triton = workplace.start_ready([model], deployment(pre_stop_s=1, grace_s=60, exit_timeout_s=50))
    asked = 3 * INSTANCES  # the last ones still wait in the queue when it is asked to leave
    with ThreadPoolExecutor(asked + 1) as pool:
        wires = [list(Wire)[index % 2] for index in range(asked)]
        requests: list[Future[float]] = [pool.submit(sleep_in, triton, 0.9, wire) for wire in wires]
        unanswered: list[int] = []
        eventually(lambda: pending(triton) >= INSTANCES, "requests wait in Triton's queue")
        leaving = triton.leave(Event())
        first = next(leaving)
        late = pool.submit(sleep_in, triton, 0.1, Wire.HTTP)  # a client that has not noticed yet
        steps = [first, *steps_of(leaving, lambda: unanswered.append(sum(not r.done() for r in requests)))]
        assert [request.result() for request in requests] == [pytest.approx(0.9)] * asked
        assert late.result() == pytest.approx(0.1)
    assert unanswered[0] > 0  # so that SIGTERM met requests that were not finished
    assert started(steps) == ["preStop", "SIGTERM", "ended"]
    assert triton.ended() == 0
    assert workplace.left() == []
    assert not (model / "1" / "__pycache__").exists()  # the user's own directory


def test_what_outlasts_the_grace_period_is_killed(workplace: Workplace, tmp_path: Path) -> None:
    model = sleeping(tmp_path, instances=1)
    triton = workplace.start_ready([model], deployment(grace_s=2, exit_timeout_s=60))
    with ThreadPoolExecutor(2) as pool:
        requests = [pool.submit(sleep_in, triton, 60.0, Wire.HTTP) for _ in range(2)]
        eventually(lambda: pending(triton) == 1, "one request runs and one waits")
        before = time.monotonic()
        steps = steps_of(triton.leave(Event()))
        assert time.monotonic() - before < 30  # long before the requests could have ended
        assert all(request.exception() is not None for request in requests)
    assert started(steps) == ["SIGTERM", "SIGKILL", "ended"]
    assert triton.ended() == 128 + signal.SIGKILL
    assert workplace.left() == []


def test_hurrying_skips_the_wait_that_is_under_way(workplace: Workplace, tmp_path: Path) -> None:
    triton = workplace.start_ready([sleeping(tmp_path)], deployment(pre_stop_s=600, grace_s=700))
    hurry = Event()
    leaving = triton.leave(hurry)
    assert next(leaving).startswith("preStop")
    hurry.set()
    assert started(steps_of(leaving)) == ["SIGTERM", "ended"]
    assert workplace.left() == []
