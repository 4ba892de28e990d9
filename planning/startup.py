"""How long a pod may take until it serves, and who must wait that long.

Three clocks must outlast a start, or they undo it: the startup probe (which would kill a loading server), the
Deployment's progress deadline (which would report a failed rollout while a GPU node still boots) and Pulumi's
own wait (which would fail `up` and leave the rollout unwatched).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.disruption import Rollout
from planning.lanes import Lane
from planning.pools import Pool
from planning.repository.served import ServedSet
from planning.settings.cluster import Local
from planning.settings.root import Settings
from planning.settings.servers import Triton
from planning.storage import FetchedSource, FilledSource, Source

PROBE_PERIOD_S = 5
"""Between two looks of the startup probe: at most this much of a finished start is lost."""

SERVER_START_S = 30
"""From exec to listening, backends loaded, no model. An allowance: 24.10 on a CPU needs about 2 s."""

MODEL_START_S = 5
"""Of one model instance beside reading its bytes: session or interpreter start, warm-up. An allowance."""

STORAGE_BYTES_PER_S = 50 * 2**20
"""Read from object storage by Triton's one connection per file. AWS plans with 85 to 90 MB/s for each
connection (S3 documentation, "Performance design patterns"); this is a good half of it."""

DISK_BYTES_PER_S = 100 * 2**20
"""Read from the node's disk, where the models were fetched to: as fast as they are written (planning/fetching.py)."""

MEMORY_BYTES_PER_S = 2**30
"""Read from a volume in memory. A good fraction of what one core copies."""

SAFETY = 3
"""A start that takes this many times the estimate is still waited for: throttled storage, a cold node."""

LEAST_BUDGET_S = 60

BOOT_SAFETY = 2
"""A node that takes twice as long as was measured is still waited for."""

PLACE_S = 60
"""Scheduling, volume attachment and container creation, beside node boot and pull. An allowance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """In seconds, but for `failure_threshold`, which counts looks of the startup probe."""

    fetch: Derived[int]
    """Before Triton starts, and before its startup probe looks."""
    estimate: Derived[int]
    """From Triton's start until every model is ready, where nothing goes wrong."""
    budget: Derived[int]
    failure_threshold: Derived[int]
    model: Derived[str]
    """Whose readiness ends the start. Triton calls itself ready where it has found no model at all, and a rollout
    would then take away the pods that have theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`progress_deadline` of the Deployment; `pulumi_timeout` for the whole rollout. In seconds."""

    progress_deadline: Derived[int]
    pulumi_timeout: Derived[int]


def plan_startup(server: Triton, served: ServedSet, source: Source) -> Startup:
    if server.start.model_load is not None:
        load = server.start.model_load.seconds
        estimate = Derived(SERVER_START_S + load, f"start.model_load says {load} s, and the server itself needs some")
        budget = estimate
    else:
        reading = -(-served.total_bytes // _bytes_per_s(source))
        loading = MODEL_START_S * len(served.models)
        estimate = Derived(
            SERVER_START_S + reading + loading,
            f"server {SERVER_START_S} s, reading {served.total_bytes / 2**20:.0f} MiB {reading} s,"
            f" {len(served.models)} models {loading} s",
        )
        budget = Derived(
            max(LEAST_BUDGET_S, SAFETY * estimate.value),
            f"{SAFETY} times an estimate of {estimate.value} s: {estimate.because}",
        )
    return Startup(
        fetch=source.seconds
        if isinstance(source, FetchedSource | FilledSource)
        else Derived(0, "no init container brings the models"),
        estimate=estimate,
        budget=budget,
        failure_threshold=Derived(
            -(-budget.value // PROBE_PERIOD_S), f"{budget.value} s at one look every {PROBE_PERIOD_S} s"
        ),
        model=Derived(
            max(model.name for model in served.models),
            "the last by name is what a copy that was broken off lacks first",
        ),
    )


def _bytes_per_s(source: Source) -> int:
    match source:
        case FetchedSource(onto="disk"):
            return DISK_BYTES_PER_S
        case FetchedSource():
            return MEMORY_BYTES_PER_S
        case _:
            return STORAGE_BYTES_PER_S


def plan_patience(startup: Startup, grace_s: int, boot: Derived[int], lane: Lane, rollout: Rollout) -> Patience:
    # Where a pod takes the place of another, that one has to leave before.
    leaving = 0 if rollout.max_surge.value else grace_s
    fetch = startup.fetch.value
    one = BOOT_SAFETY * boot.value + PLACE_S + fetch + startup.budget.value + leaving
    batch = max(1, rollout.max_surge.value + rollout.max_unavailable.value)
    batches = -(-max(1, lane.maximum.value) // batch)
    return Patience(
        progress_deadline=Derived(
            one,
            f"{BOOT_SAFETY} times {boot.value} s of boot ({boot.because}), placing the pod up to {PLACE_S} s"
            + (f", fetching the models {fetch} s" if fetch else "")
            + f" and loading {startup.budget.value} s"
            + (f", its forerunner leaving {leaving} s" if leaving else ""),
        ),
        pulumi_timeout=Derived(
            batches * (one + grace_s),
            f"a rollout of {lane.maximum.value} replicas goes in {batches} steps of at most {one + grace_s} s",
        ),
    )


def slowest_boot(pools: Sequence[Pool], without: Derived[int]) -> Derived[int]:
    """The boot that must be waited for: of the slowest pool, or `without` any."""
    return max((pool.boot_seconds for pool in pools), key=lambda boot: boot.value, default=without)


def boot_of_cpu_nodes(settings: Settings) -> Derived[int]:
    """Seconds that a new node without a GPU takes. 300 s: twice what GKE and EKS document as usual."""
    if isinstance(settings.cluster, Local):
        return Derived(0, "the machine is there")
    return Derived(300, "a new node without a GPU takes up to 300 s (an allowance)")
