"""The disruptions, each done to all settings at the same moment and lasting until every replica serves again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.drain.deployments import MOST_REPLICAS, REPLICAS, Deployed
from benchmarks.drain.site import Site
from local.cluster.boot import CONTROL
from local.cluster.disruptions import Crashed, crash, drain, paused, pods_of, reclaim, roll, scale, uncordon
from measuring.kinds import ClientKind
from planning.draining import UNHURRIED

DRAINED = "node-a"
RECLAIMED = "node-b"

DRAIN_WITHIN_S = 120.0

NOTICE_S = 30.0
"""Of the clouds that give least (Google Cloud: planning/catalogue/clouds.py)."""

LONG_NOTICE_S = 120.0
"""AWS."""


LATE_S = UNHURRIED.endpoint_lag_s - 1
"""Within what our plan allows for (planning/draining.py). kube-proxy's own delay comes on top."""


class Kind(StrEnum):
    """What happens. All but `CRASH` are graceful."""

    DRAIN = "drain"
    DRAIN_GRPC = "drain-grpc"
    """With gRPC clients alone, as many requests: beside them, a kept-alive HTTP connection keeps Triton up until it is
    killed, and hides what gRPC loses (docs/draining.md)."""
    DRAIN_LATE = "drain-late"
    """The Service learns late of the endpoint's removal, as in a large cluster or behind a load balancer; the
    kube-proxy of this small one takes a second at most."""
    ROLL = "rollout"
    SCALE_IN = "scale-in"
    RECLAIM = "reclaim"
    RECLAIM_LONG = "reclaim-120"
    CRASH = "crash"


TITLES: Mapping[Kind, str] = {
    Kind.DRAIN: "a node is drained: one pod of two is evicted",
    Kind.DRAIN_GRPC: "the same, with gRPC clients alone",
    Kind.DRAIN_LATE: f"the same, and the Service learns of it {LATE_S} s late",
    Kind.ROLL: "a rolling update: both pods are replaced",
    Kind.SCALE_IN: "a scale-in from three pods to two",
    Kind.RECLAIM: "a node is reclaimed with 30 s notice: one pod of two is on it",
    Kind.RECLAIM_LONG: "a node is reclaimed with 120 s notice",
    Kind.CRASH: "one server of two is killed (SIGKILL)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """`over` is the moment of the monotonic clock when the disruption itself was over, before all served again;
    `killed` is when each setting's server was killed, by key; `remarks` are what is worth keeping of the run."""

    over: float
    killed: Mapping[str, Crashed]
    remarks: tuple[str, ...]


def clients_of(kind: Kind) -> Sequence[ClientKind]:
    """Who asks while `kind` happens."""
    return (ClientKind.GRPC,) if kind is Kind.DRAIN_GRPC else tuple(ClientKind)


def prepare(kind: Kind, site: Site, deployed: Sequence[Deployed]) -> None:
    """Bring the cluster to where `kind` begins: as many replicas as it needs, ready, on different nodes."""
    replicas = MOST_REPLICAS if kind is Kind.SCALE_IN else REPLICAS
    site.restore_nodes()
    _each(deployed, lambda one: site.bring_to(one, replicas))
    site.wait_until_whole(deployed, replicas)
    if kind is not Kind.SCALE_IN:
        site.spread(deployed)


def disrupt(kind: Kind, site: Site, deployed: Sequence[Deployed]) -> Done:
    """Do it, and return when every replica of all settings serves."""
    killed: dict[str, Crashed] = {}
    remarks: list[str] = []
    kubectl = site.cluster.kubectl
    match kind:
        case Kind.DRAIN | Kind.DRAIN_GRPC:
            drain(kubectl, DRAINED, timeout_s=DRAIN_WITHIN_S)
        case Kind.DRAIN_LATE:
            with ThreadPoolExecutor(1) as pool:
                with paused(site.cluster, CONTROL.name, "kube-proxy"):
                    draining = pool.submit(drain, kubectl, DRAINED, timeout_s=DRAIN_WITHIN_S)
                    time.sleep(LATE_S)
                draining.result()
        case Kind.ROLL:
            _each(deployed, lambda one: roll(kubectl, one.namespace, one.deployment))
        case Kind.SCALE_IN:
            _each(deployed, lambda one: scale(kubectl, one.namespace, one.deployment, REPLICAS))
        case Kind.RECLAIM | Kind.RECLAIM_LONG:
            notice = NOTICE_S if kind is Kind.RECLAIM else LONG_NOTICE_S
            reclaimed = reclaim(site.cluster, RECLAIMED, notice_s=notice)
            caught = ", ".join(reclaimed.caught) or "nothing"
            remarks.append(f"still on the node at its end: {caught}")
        case Kind.CRASH:
            before = site.restarts_of(deployed)
            killed = {one.settings.key: _crash_one(site, one) for one in deployed}
            # Until the kubelet has noticed, everything still seems whole.
            site.wait_until_restarted(deployed, before)
    over = time.monotonic()
    site.wait_until_whole(deployed, REPLICAS)
    if kind in (Kind.DRAIN, Kind.DRAIN_GRPC, Kind.DRAIN_LATE):
        uncordon(kubectl, DRAINED)
    return Done(over=over, killed=killed, remarks=tuple(remarks))


def _crash_one(site: Site, one: Deployed) -> Crashed:
    pods = pods_of(site.cluster.kubectl, one.namespace, one.deployment)
    return crash(site.cluster, one.namespace, str(pods[0]["metadata"]["name"]))


def _each(deployed: Sequence[Deployed], act: Callable[[Deployed], object]) -> None:
    """At the same moment; the first error after all have ended."""
    with ThreadPoolExecutor(len(deployed)) as pool:
        for doing in [pool.submit(act, one) for one in deployed]:
            doing.result()
