"""How a pod leaves, and how one starts."""

from __future__ import annotations

from cli.report.document import Block, Column, Fact, Facts, Limit, Paragraph, Section, Step, Table, Timeline
from cli.report.lanes import derived, per_lane
from cli.report.memory import pools_of
from cli.report.values import count, seconds, words
from planning.derived import Derived
from planning.draining import DETECTION_LAG_S
from planning.server import PlannedServer
from planning.settings.root import Settings
from planning.startup import boot_of_cpu_nodes, slowest_boot

RECLAIMS = (
    Column("pool", "Pool"),
    Column("notice", "Notice"),
    Column("leaving", "Leaving takes"),
    Column("spare", "To spare"),
    Column("because", "Who promises the notice"),
)


def leaving_section(server: PlannedServer) -> Section:
    """From the cloud's notice, or from the pod's deletion where no pool reclaims nodes, to SIGKILL."""
    drain, proxy = server.drain, server.proxy
    reclaimed = [(pool.name, pool.notice) for pool in pools_of(server) if pool.notice is not None]
    lag = DETECTION_LAG_S if reclaimed else 0
    gone = lag + drain.grace.value
    stop = lag + drain.pre_stop.value
    answered = stop + drain.exit_timeout.value
    noticed = (Step("noticed, pod deleted", 0, lag),) if reclaimed else ()
    timeline = Timeline(
        key="timeline",
        origin="the cloud's notice" if reclaimed else "the pod's deletion",
        steps=(
            *noticed,
            Step("preStop, no new requests", lag, stop),
            Step("SIGTERM, requests answered", stop, answered),
            Step("last answers, Triton exits", answered, gone),
        ),
        limits=(
            Limit("SIGKILL if it still runs", gone),
            *(Limit(f"node of {name} gone", notice.seconds) for name, notice in reclaimed),
        ),
    )
    blocks: list[Block] = [timeline]
    if reclaimed:
        rows = (
            (
                words(name),
                seconds(notice.seconds),
                seconds(gone),
                seconds(notice.seconds - gone),
                words(notice.source),
            )
            for name, notice in reclaimed
        )
        blocks.append(Table(key="reclaims", columns=RECLAIMS, rows=tuple(rows)))
    else:
        blocks.append(Paragraph(text="No pool of it reclaims nodes: a pod leaves only when it is asked to."))
    seen = Fact(
        "detection",
        "The notice is seen in",
        seconds(DETECTION_LAG_S),
        "it is polled or queued, then the pod is evicted",
    )
    blocks.append(
        Facts(
            facts=(
                *((seen,) if reclaimed else ()),
                Fact("pre_stop", "preStop sleeps", seconds(drain.pre_stop.value), drain.pre_stop.because),
                Fact("exit_timeout", "Exit timeout", seconds(drain.exit_timeout.value), drain.exit_timeout.because),
                Fact("grace", "Grace period", seconds(drain.grace.value), drain.grace.because),
                Fact("proxy_away", "nginx passes on after", seconds(proxy.away_after.value), proxy.away_after.because),
                Fact("proxy_quit", "nginx quits after", seconds(proxy.quit_after.value), proxy.quit_after.because),
                Fact(
                    "connection_age",
                    "Connections live",
                    seconds(drain.connection_age.value),
                    drain.connection_age.because,
                ),
            )
        )
    )
    return Section(key="leaving", title="How a pod leaves", blocks=tuple(blocks))


def starting_section(server: PlannedServer, settings: Settings) -> Section:
    """From a pod without a node to one that serves, and who waits for it that long."""
    boot = slowest_boot(pools_of(server), boot_of_cpu_nodes(settings))
    load = server.startup.budget
    looks = server.startup.failure_threshold
    before = server.startup.fetch
    fetch = [Fact("fetch", "Fetching the models may take", seconds(before.value), before.because)]
    return Section(
        key="starting",
        title="How a pod starts",
        blocks=(
            Facts(
                facts=(
                    Fact("boot", "A new node, pull included", seconds(boot.value), _boots(server, boot)),
                    *(fetch if before.value else ()),
                    Fact("load_budget", "Loading may take", seconds(load.value), load.because),
                    Fact("startup_probe_failures", "Startup probe may fail", count(looks.value), looks.because),
                    *per_lane(
                        server.lanes,
                        "progress_deadline",
                        "Progress deadline",
                        derived(seconds, lambda lane: lane.patience.progress_deadline),
                    ),
                    *per_lane(
                        server.lanes,
                        "pulumi_timeout",
                        "Pulumi waits",
                        derived(seconds, lambda lane: lane.patience.pulumi_timeout),
                    ),
                )
            ),
        ),
    )


def _boots(server: PlannedServer, boot: Derived[int]) -> str:
    """The pools' own facts have the long story."""
    slowest = next((pool.name for pool in pools_of(server) if pool.boot_seconds == boot), None)
    return boot.because if slowest is None else f"pool {slowest} takes that long, and none of the others longer"
