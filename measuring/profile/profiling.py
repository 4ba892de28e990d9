"""One model's profile from beginning to end: on a Triton that runs, or on one started for each number of instances."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from local.errors import CannotServeError
from local.installed import InstalledTriton
from measuring.profile.asking import one_row
from measuring.profile.curve import UnfittableError
from measuring.profile.fitting import fitted
from measuring.profile.loads import Observed, observe
from measuring.profile.search import Capacity, Promise, best
from measuring.profile.server import ConfigSaid, RunningServer, ServerSaid
from measuring.profile.variants import served
from measuring.question import Question
from planning.catalogue import CATALOGUE
from planning.profiles.checks import profiled_digest
from planning.profiles.file import FORMAT, Advice, Gpu, Processor, Profile, Server, Setting
from planning.profiles.service import Batching
from planning.repository.edit import CannotEditError, WantedBatching, with_batching
from planning.repository.model import Model

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`question` is the model's sample, if it has one; `seconds` that loads may take, for each number of instances."""

    model: Model
    question: Question | None
    promise: Promise
    hardware: Processor | Gpu
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """`config` is what the model's config.pbtxt should say; `doubts` why the figures may not be the server's alone."""

    profile: Profile
    config: str
    doubts: tuple[str, ...]


def profile_target(wanted: Wanted, server: RunningServer, told: Told) -> Profiled:
    """As it is served at `server`. Raises CannotServeError."""
    said = server.said()
    config = server.config(wanted.model.name)
    _require_profilable(config)
    _require_the_same(wanted.model, config)
    if config.on_gpu and isinstance(wanted.hardware, Processor):
        raise CannotServeError(
            f"Model {config.name!r} runs on a GPU at {server.target}, and a profile is of one kind: name it with"
            " --hardware."
        )
    batching = batching_of(config)
    inputs = one_row(wanted.question, config)
    observed = asyncio.run(observe(server, config, inputs, seconds=wanted.seconds, told=told))
    return _profiled(wanted, said, batching, config, [(observed, batching)])


def profile_started(
    wanted: Wanted,
    deployment: Mapping[str, object],
    installed: InstalledTriton,
    instances: Sequence[int],
    told: Told,
) -> Profiled:
    """On a Triton of this machine for each number of `instances` (the config's own where it is empty), with batching
    on and nothing that limits it, so that batches of every size form. Raises CannotServeError."""
    text = wanted.model.config_text
    with served(wanted.model.directory, text, deployment, installed) as server:
        said, config = server.said(), server.config(wanted.model.name)
    _require_profilable(config)
    now = batching_of(config)
    inputs = one_row(wanted.question, config)
    batches = config.max_batch_size > 1
    runs: list[tuple[Observed, Batching]] = []
    for count in dict.fromkeys((now.instances, *instances)):
        freed = _edited(
            wanted.model,
            WantedBatching(
                instances=None if count == now.instances else count, delay_us=0 if batches else None, unlimited=True
            ),
        )
        batching = Batching(instances=count, greatest=max(1, config.max_batch_size))
        with served(wanted.model.directory, freed, deployment, installed) as server:
            here = server.config(wanted.model.name)

            def tell(what: str, count: int = count) -> None:
                told(f"{count} instance{'s' if count > 1 else ''}: {what}")

            runs.append((asyncio.run(observe(server, here, inputs, seconds=wanted.seconds, told=tell)), batching))
    return _profiled(wanted, said, now, config, runs)


def batching_of(config: ConfigSaid) -> Batching:
    dynamic = config.dynamic_batching
    return Batching(
        instances=config.instances,
        greatest=1 if dynamic is None else max(1, config.max_batch_size),
        delay=0.0 if dynamic is None else dynamic.max_queue_delay_microseconds / 1e6,
        prefetches=not config.limits_its_queue,
    )


def config_with(model: Model, now: Batching, chosen: Batching) -> str:
    """The model's config.pbtxt with what differs between `now` and `chosen`. Raises CannotServeError."""
    if now == chosen:
        return model.config_text
    return _edited(
        model,
        WantedBatching(
            instances=None if now.instances == chosen.instances else chosen.instances,
            delay_us=None if chosen.greatest == 1 else round(chosen.delay * 1e6),
            unlimited=chosen.prefetches and not now.prefetches,
        ),
    )


def _edited(model: Model, wanted: WantedBatching) -> str:
    try:
        return with_batching(model.config_text, wanted)
    except CannotEditError as error:
        raise CannotServeError(f"{model.config_path.as_posix()} cannot be changed here: {error}.") from error


def _profiled(
    wanted: Wanted,
    said: ServerSaid,
    now: Batching,
    config: ConfigSaid,
    runs: Sequence[tuple[Observed, Batching]],
) -> Profiled:
    try:
        measured = [fitted(observed, batching, wanted.promise.percentile) for observed, batching in runs]
    except UnfittableError as error:
        raise CannotServeError(f"The service curve of {wanted.model.name!r} cannot be fitted: {error}") from error
    services = {one.instances: one.service for one in measured}
    here, chosen = best(now, services, max(1, config.max_batch_size), wanted.promise)
    profile = Profile(
        format=FORMAT,
        model=wanted.model.name,
        digest=profiled_digest(wanted.model),
        measured_on=date.today(),
        hardware=wanted.hardware,
        server=Server(version=said.version, release=_release(said.version)),
        together=any(observed.together for observed, _ in runs),
        measured=measured,
        advice=Advice(
            within=wanted.promise.within,
            percentile=wanted.promise.percentile,
            now=_setting(here),
            best=_setting(chosen),
        ),
    )
    return Profiled(
        profile=profile,
        config=config_with(wanted.model, now, chosen.batching),
        doubts=tuple(doubt for observed, _ in runs for doubt in observed.doubts),
    )


def _setting(found: Capacity) -> Setting:
    batching = found.batching
    return Setting(
        instances=batching.instances,
        greatest=batching.greatest,
        delay=batching.delay,
        prefetches=batching.prefetches,
        rate=found.rate,
        tail=found.tail if found.rate > 0 else None,
    )


def _release(version: str) -> str | None:
    return next((one.tag for one in CATALOGUE.releases.values() if one.server_version == version), None)


def _require_profilable(config: ConfigSaid) -> None:
    """Raises CannotServeError for a model that has no service time of its own, or whose requests are more than one."""
    why = None
    if config.ensemble_scheduling is not None or config.platform == "ensemble":
        why = "is an ensemble, which executes nothing itself: profile its steps"
    elif config.sequence_batching is not None:
        why = "batches sequences, whose requests belong together, and they are not made up"
    elif config.model_transaction_policy.get("decoupled"):
        why = "is decoupled: it answers one request any number of times"
    if why is not None:
        raise CannotServeError(f"Model {config.name!r} {why}.")


def _require_the_same(model: Model, config: ConfigSaid) -> None:
    """The proposal is a diff of the file, so the server must run what the file says. What the file leaves out, a
    backend may have completed."""
    ours, dynamic = model.config.dynamic_batching, config.dynamic_batching
    stated = model.config.HasField("dynamic_batching")
    pairs = (
        ("max_batch_size", model.max_batch_size, config.max_batch_size),
        ("dynamic_batching", stated, stated and dynamic is not None),
        (
            "dynamic_batching.max_queue_delay_microseconds",
            ours.max_queue_delay_microseconds,
            dynamic.max_queue_delay_microseconds if stated and dynamic else 0,
        ),
    )
    for field, here, there in pairs:
        if here != there:
            raise CannotServeError(
                f"{model.config_path.as_posix()}: {field} is {here!r} in the file and {there!r} on the server, so that"
                " what is measured there says nothing of this file. Serve this file, or name its repository with"
                " --repository."
            )
