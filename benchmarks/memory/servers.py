"""One server of a case: planned and rendered as stack `local` is, started, asked the greatest requests, looked at."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import yaml

from benchmarks.memory.cases import PROJECT, Case
from benchmarks.memory.processes import Resident, descendants, resident
from local.client import Array, InferInput, Wire, client_library, numpy_type
from local.errors import CannotServeError
from local.installed import InstalledTriton
from local.ports import LOOPBACK
from local.servers import LocalServer, prepare_all, servers_of
from local.triton import RunningTriton
from planning.catalogue import CATALOGUE
from planning.images import image_lock
from planning.memory.requests import STRING_BYTES, dims
from planning.plan import Plan
from planning.planner import plan
from planning.repository.model import Model
from planning.repository.reader import read_repository
from planning.server import PlannedServer
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from stacks.render import rendered

STACK = "local"
REQUESTS = 24
"""Of each model, one after the other: more than Triton keeps for reuse."""

POLL_S = 0.02
READY_S = 600
"""On a machine that others use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`started_s`: from the process's start until it was ready. `ready`, `asked`: its memory then, and after the
    greatest requests."""

    started_s: float
    ready: Resident
    asked: Resident


def planned_case(case: Case) -> tuple[Plan, PlannedServer]:
    """The plan of stack `local` with a server of the case's models alone."""
    raw = yaml.safe_load((PROJECT / f"Pulumi.{STACK}.yaml").read_text())["config"]["tritonup:settings"]
    raw["servers"]["triton"]["models"] = list(case.models)
    repository, findings = read_repository(case.repository)
    raw["security"]["python_models"] = [name for name, one in repository.models.items() if one.backend == "python"]
    settings = read_settings(raw)
    assert isinstance(settings, Settings), settings
    made = plan(settings, repository, CATALOGUE, image_lock())
    assert not [*findings, *made.errors], [*findings, *made.errors]
    return made, made.servers[0]


def measure(case: Case, installed: InstalledTriton) -> Seen:
    made, server = planned_case(case)
    deployments = {one.name: one.body for one in rendered(made, STACK) if one.kind == "Deployment"}
    (local,) = servers_of(made, deployments)
    with _running(local, installed) as (triton, started_s):
        ready = resident(descendants(triton.keeper_pid))
        ask(triton, server.served.models)
        return Seen(started_s=started_s, ready=ready, asked=resident(descendants(triton.keeper_pid)))


@contextlib.contextmanager
def _running(server: LocalServer, installed: InstalledTriton) -> Generator[tuple[RunningTriton, float]]:
    (prepared,) = prepare_all([server], installed=installed, first_port=0)
    begun = time.monotonic()
    triton = RunningTriton(prepared, lambda _line: None)
    try:
        while not triton.ready():
            if time.monotonic() - begun > READY_S:
                raise CannotServeError(f"not ready within {READY_S} s")
            time.sleep(POLL_S)
        yield triton, time.monotonic() - begun
    finally:
        triton.stop()


def ask(triton: RunningTriton, models: Sequence[Model], requests: int = REQUESTS) -> None:
    """The greatest request of each of `models`, over gRPC, several times."""
    library = client_library(Wire.GRPC)
    client = library.InferenceServerClient(f"{LOOPBACK}:{triton.prepared.ports.grpc}")
    try:
        for model in models:
            given: list[InferInput] = []
            for tensor in model.inputs:
                datatype = tensor.data_type.removeprefix("TYPE_").replace("STRING", "BYTES")
                array = _filled(datatype, dims(model, tensor))
                one = library.InferInput(tensor.name, list(array.shape), datatype)
                one.set_data_from_numpy(array)
                given.append(one)
            for _ in range(requests):
                client.infer(model.name, given, outputs=None)
    finally:
        client.close()


def _filled(datatype: str, shape: Sequence[int]) -> Array:
    """Zeros, or for strings a sentence."""
    if datatype == "BYTES":
        sentence = ("a text of short words, " * STRING_BYTES)[: STRING_BYTES - 4].encode()
        return np.full(shape, sentence, np.object_)
    return np.zeros(shape, numpy_type(datatype))


def patiently(measuring: Callable[[], Seen], tries: int = 8) -> Seen:
    """A stub that gets no processor time for a second counts as dead (python_backend, `IsStubProcessAlive`): on a
    machine that others use the measurement is taken again."""
    for left in reversed(range(tries)):
        try:
            return measuring()
        except Exception as error:  # the client's own type, or ours
            if not left:
                raise
            print(f"  again, because: {error}", flush=True)
            time.sleep(5)
    raise AssertionError
