"""Requests that go on while a rollout does, and what must be true of them: whoever served before serves on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster_stacks import RenderedStack

from local.cluster.answers import endpoint_of
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import PROJECT
from measuring.arrivals import Constant
from measuring.kinds import ClientKind
from measuring.question import read_question
from measuring.records import Record
from measuring.run import Load, run

MODEL = "digits"
RATE = 10.0
LOAD_S = 2.0
"""Loads follow one another until the test has seen enough."""


def patient_model(models: Path) -> Path:
    """A repository in `models` with the one model."""
    shutil.copytree(PROJECT / "model_repository" / MODEL, models / MODEL)
    config = models / MODEL / "config.pbtxt"
    # Its own queue refuses after 1 s, as a machine that starts pods beside it may make a request wait.
    patient = config.read_text(encoding="utf-8").replace(
        "_timeout_microseconds: 1000000", "_timeout_microseconds: 9000000"
    )
    config.write_text(patient, encoding="utf-8")
    return models


def is_ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of every request; `broken` is what kept them from being sent at all."""

    records: list[Record] = field(default_factory=list[Record])
    broken: list[Exception] = field(default_factory=list[Exception])


@contextmanager
def asked_meanwhile(stack: RenderedStack, kubectl: Kubectl) -> Generator[Asked]:
    """Requests through the Service, on kept-alive connections, from before to after."""
    asked, over = Asked(), threading.Event()
    with endpoint_of(stack.plan.servers[0], stack.plan.namespace, kubectl) as endpoint:
        load = Load(
            target=f"{endpoint.host}:{endpoint.ports.http}",
            kind=ClientKind.HTTP,
            question=read_question(PROJECT / "model_repository" / MODEL),
            arrivals=Constant(rate=RATE, seconds=LOAD_S),
            timeout_s=30,
        )

        def keep_asking() -> None:
            try:
                while not over.is_set():
                    asked.records.extend(run(load))
            except Exception as error:  # noqa: BLE001  told to the test below
                asked.broken.append(error)

        asking = threading.Thread(target=keep_asking, daemon=True)
        asking.start()
        try:
            yield asked
        finally:
            over.set()
            asking.join()


def assert_all_were_answered(asked: Asked) -> None:
    assert asked.broken == []
    assert len(asked.records) >= RATE * LOAD_S
    failed = [f"sent at {r.started:.1f} s, ended at {r.ended:.1f} s: {r.outcome}" for r in asked.records if r.failed]
    assert not failed, "\n".join(failed)
