"""Who can reach whom is what the plans say, nothing more and nothing less, by connections between real pods.

Stack `local` runs for real. The servers of `dev` and `prod` need GPUs, so pods with their labels stand in for them, in
their namespaces and under their NetworkPolicies; pods and addresses stand in for their peers.
"""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest
from allowed_traffic import Pod, Port, allowed
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target
from network_world import (
    DNS,
    ELSEWHERE,
    PUBLIC,
    SETTLED_WITHIN_S,
    STRAY,
    World,
    machines,
    running,
    settled,
    stand_ins,
    tried,
)
from stand_ins import PYTHON, Connection

from components.labels import selector
from local.cluster.boot import WORKERS
from local.cluster.kubectl import Kubectl
from local.cluster.layout import LAYOUT
from local.cluster.triton_image import triton_image
from planning.ports import GRPC_PORT, HTTP_PORT, METRICS_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT


@pytest.fixture(scope="module")
def world(serving: RenderedStack, target: Target, progress: Printed) -> Generator[World]:
    if target.own is None:
        pytest.skip("the stand-ins run the Triton image that was packed here, which another cluster cannot have")
    kubectl = target.kubectl
    stacks = (serving, stack("dev"), stack("prod"))
    plans = tuple(each.plan for each in stacks)
    nodes = {node.node.address: node.process for node in target.own.nodes()}
    image = triton_image(LAYOUT, progress).by_digest
    with stand_ins(kubectl, stacks, image) as (guarded, peers), machines(stacks, nodes) as outside:
        guarded = [*guarded, *running(serving, kubectl)]
        others = [*peers, *outside]
        every = set(tried(guarded, others))
        with progress.step(f"{len(every)} connections under the policies"):
            closed = settled(guarded, others, {each for each in every if allowed(plans, *each)})
        for plan in plans:
            kubectl.run("delete", "networkpolicies", "--all", f"--namespace={plan.namespace}")
        try:
            with progress.step("the same without them"):
                opened = settled(guarded, others, every)
        finally:
            kubectl.apply(*(body for each in stacks for body in each.server_policies()))
        yield World(stacks=stacks, guarded=guarded, others=others, closed=closed, opened=opened)


def _said(connections: set[Connection]) -> list[str]:
    return sorted(f"{source} -> {target} {protocol} {port}" for source, target, (protocol, port) in connections)


def test_exactly_what_the_plans_allow_can_be_reached(world: World) -> None:
    plans = tuple(each.plan for each in world.stacks)
    wanted = {each for each in tried(world.guarded, world.others) if allowed(plans, *each)}
    assert _said(world.closed - wanted) == []
    assert _said(wanted - world.closed) == []


def test_without_the_policies_everybody_reaches_everybody(world: World) -> None:
    assert _said(set(tried(world.guarded, world.others)) - world.opened) == []


def test_callers_reach_the_models_and_not_the_metrics(world: World) -> None:
    for name, caller in (("local", "default/named"), ("dev", "apps/named"), ("prod", "apps/named")):
        assert _reached(world, caller, name, {("TCP", GRPC_PORT), ("TCP", METRICS_PORT), STRAY}) == {("TCP", GRPC_PORT)}


def test_prometheus_reaches_the_metrics_alone(world: World) -> None:
    assert _reached(world, "monitoring/named", "dev") == {("TCP", METRICS_PORT)}


def test_a_pod_without_the_labels_that_are_asked_for_reaches_nothing(world: World) -> None:
    texts = {f"{world.of('prod').plan.namespace}/text-on-{worker.name}" for worker in WORKERS}
    came = {(str(source), str(target)) for source, target, _ in world.closed if str(target) in texts}
    assert {target for source, target in came if source == "search/named"} == texts
    assert not {target for source, target in came if source in {"search/unnamed", f"{ELSEWHERE}/disguised"}}


def test_other_namespaces_reach_nothing_on_their_own_node_or_on_another(world: World) -> None:
    for name in ("local", "dev"):
        for who in ("stranger", "disguised"):
            assert _reached(world, f"{ELSEWHERE}/{who}", name) == set()
    nodes = {each.party.node for each in world.guarded if isinstance(each.party, Pod)}
    assert len(nodes) == len(WORKERS)


def test_a_server_whose_models_are_mounted_reaches_its_own_tritons_and_the_resolver_alone(world: World) -> None:
    local = world.of("local").plan.namespace
    came = {
        (isinstance(target, Pod) and target.labels == source.labels, port)
        for source, target, port in world.closed
        if isinstance(source, Pod) and source.namespace == local
    }
    own = {(True, ("TCP", TRITON_HTTP_PORT)), (True, ("TCP", TRITON_GRPC_PORT))}
    assert came - own <= {(False, port) for port in DNS}


def test_a_server_that_reads_a_bucket_reaches_public_addresses_and_no_private_one(world: World) -> None:
    dev = world.of("dev").plan.namespace
    came = {
        target.address
        for source, target, port in world.closed
        if isinstance(source, Pod) and source.namespace == dev and port == ("TCP", 443)
    }
    assert came == {PUBLIC}


def test_the_service_answers_callers_and_nobody_else(world: World, kubectl: Kubectl) -> None:
    stack = world.of("local")
    for server in stack.plan.servers:
        url = f"http://{server.name}.{stack.plan.namespace}:{HTTP_PORT}/v2/health/ready"
        asked = [PYTHON, "-c", f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=10).status)"]
        for namespace, pod, answered in (("default", "named", True), (ELSEWHERE, "stranger", False)):
            deadline = time.monotonic() + SETTLED_WITHIN_S
            while True:
                told = kubectl.attempt("exec", f"--namespace={namespace}", pod, "--", *asked)
                if (told.stdout.strip() == "200") == answered or time.monotonic() > deadline:
                    break
            assert (told.stdout.strip() == "200") == answered, told.stderr


def _reached(world: World, who: str, name: str, among: set[Port] | None = None) -> set[Port]:
    """The ports that `who` reaches of the servers of stack `name`, the same of each of them."""
    plan = world.of(name).plan
    servers = [
        each.party
        for each in world.guarded
        if isinstance(each.party, Pod)
        and each.party.namespace == plan.namespace
        and any(selector(server.name).items() <= each.party.labels.items() for server in plan.servers)
    ]
    each_reached = [
        frozenset(port for source, target, port in world.closed if str(source) == who and target == server)
        for server in servers
    ]
    found = set[Port]().union(*each_reached)
    assert all(reached == found for reached in each_reached)
    return found if among is None else found & among
