"""One model under the same loads with several configs: Triton's default, the file's, and what `tritonup profile`
proposes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import exp, log
from statistics import median

from benchmarks.printed import Printed
from local.errors import CannotServeError
from local.installed import InstalledTriton
from measuring.arrivals import Poisson, arrival_times
from measuring.load import send
from measuring.profile.asking import Prebuilt, body_of, one_row
from measuring.profile.profiling import Wanted, profile_started
from measuring.profile.search import Promise
from measuring.profile.server import RunningServer
from measuring.profile.variants import served
from measuring.question import Tensor, read_question
from measuring.records import Failed
from planning.profiles.file import Processor, Profile
from planning.repository.edit import WantedBatching, with_batching
from planning.repository.model import Model
from planning.repository.pbtxt import parse_config

DEFAULT, FILE, PROPOSED = "default", "file", "proposed"
"""Without `dynamic_batching`, as Triton runs a config that does not mention it; as committed; as proposed for it."""

STEPS = 7
"""Halvings of the logarithm of a rate between a twentieth of saturation and one and a half times of it: to 3 %."""

ATTEMPTS = 2
"""A rate is too high where it fails twice: once may be another process's doing, for any of the configs alike."""

TIMEOUT_S = 20.0

FLOOD = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One model. `within` in seconds at p99; `rates`: by config, the greatest rate of each round that kept the promise,
    in requests a second, 0 where none did. `load_before`: the machine's load average as it began. `profile` is that of
    the default config, whose proposal is judged."""

    model: str
    within: float
    load_s: float
    load_before: float
    rates: Mapping[str, Sequence[float]]
    diff: str
    profile: Profile


def ratios(run: Run, of: str, to: str) -> list[float]:
    """Of each round: how many times the rate of config `to` config `of` answered."""
    return [one / other for one, other in zip(run.rates[of], run.rates[to], strict=True) if other > 0]


def run(
    model: Model,
    deployment: Mapping[str, object],
    installed: InstalledTriton,
    *,
    within: float,
    hardware: Processor,
    rounds: int,
    load_s: float,
    profile_s: float,
    progress: Printed,
) -> Run:
    promise, load_before = Promise(within=within), os.getloadavg()[0]
    before = with_batching(model.config_text, WantedBatching(instances=None, delay_us=None, unlimited=True))
    default = replace(model, config_text=before, config=parse_config(before))
    question = read_question(model.directory)
    wanted = Wanted(model=default, question=question, promise=promise, hardware=hardware, seconds=profile_s)
    with progress.step(f"{model.name}: profiling the config without dynamic_batching"):
        profiled = profile_started(wanted, deployment, installed, (), lambda _: None)
    progress.note(f"    predicted: {profiled.profile.advice.now.rate:.0f} -> {profiled.profile.advice.best.rate:.0f}/s")
    configs = {DEFAULT: before, FILE: model.config_text, PROPOSED: profiled.config}
    rates: dict[str, list[float]] = {name: [] for name in configs}
    with ExitStack() as up:
        servers = {
            name: up.enter_context(served(model.directory, text, deployment, installed))
            for name, text in configs.items()
        }
        inputs = one_row(question, next(iter(servers.values())).config(model.name))
        for number in range(rounds):
            with progress.step(f"{model.name}: round {number + 1} of {rounds}"):
                found = asyncio.run(_round(model.name, servers, inputs, within, load_s, number))
            progress.note("    " + ", ".join(f"{name} {rate:.0f}/s" for name, rate in found.items()))
            for name, rate in found.items():
                rates[name].append(rate)
    return Run(
        model=model.name,
        within=within,
        load_s=load_s,
        load_before=round(load_before, 1),
        rates=rates,
        diff=_changed(before, profiled.config),
        profile=profiled.profile,
    )


def _changed(before: str, after: str) -> str:
    lines = set(before.splitlines())
    return "\n".join(line for line in after.splitlines() if line not in lines)


async def _round(
    model: str,
    servers: Mapping[str, RunningServer],
    inputs: Sequence[Tensor],
    within: float,
    load_s: float,
    number: int,
) -> dict[str, float]:
    """The greatest rate of each that keeps the promise: all are asked a load in turn, then each its next one."""
    bounds: dict[str, tuple[float, float]] = {}
    found = dict.fromkeys(servers, 0.0)
    for name, server in servers.items():
        most = await _flood(model, server, inputs)
        bounds[name] = (log(most / 20), log(most * 1.5))
    for step in range(STEPS):
        for name, server in servers.items():
            low, high = bounds[name]
            rate = exp((low + high) / 2)
            kept = False
            for attempt in range(ATTEMPTS):
                seed = 1000 * number + 10 * step + attempt
                kept = kept or await _keeps(model, server, inputs, rate, within, load_s, seed)
            if kept:
                bounds[name] = (log(rate), high)
                found[name] = rate
            else:
                bounds[name] = (low, log(rate))
    return found


async def _flood(model: str, server: RunningServer, inputs: Sequence[Tensor]) -> float:
    """Requests a second while many wait: the median of three."""
    every: list[float] = []
    for _ in range(3):
        client = Prebuilt(server.target, body_of(model, server.target, inputs, 1), TIMEOUT_S)
        records = await send([0.0] * FLOOD, client)
        await client.close()
        every.append(len(records) / max(record.ended for record in records))
    return median(every)


async def _keeps(
    model: str,
    server: RunningServer,
    inputs: Sequence[Tensor],
    rate: float,
    within: float,
    load_s: float,
    seed: int,
) -> bool:
    """Whether 99 of 100 requests of a Poisson load are answered in time; one that fails is not."""
    client = Prebuilt(server.target, body_of(model, server.target, inputs, 1), TIMEOUT_S)
    try:
        await client.connect(32)
    except OSError as error:
        raise CannotServeError(
            f"The server of {model!r} at {server.target} has ended: {error}. Measure again."
        ) from error
    records = await send(arrival_times(Poisson(rate=rate, seconds=load_s, seed=seed)) or (0.0,), client)
    await client.close()
    late = sum(isinstance(record.outcome, Failed) or record.latency > within for record in records)
    return late <= 0.01 * len(records)
