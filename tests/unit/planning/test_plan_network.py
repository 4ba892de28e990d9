"""No traffic is allowed that the stack file does not ask for."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from planning.catalogue.clouds import CLOUDS
from planning.network import Allowance, Network, OwnPods, Peer, Pods
from planning.ports import GRPC_PORT, HTTP_PORT, METRICS_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT
from planning.server import PlannedServer
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import EKS, GKE, Raw, planned, planned_with, vision

PRIVATE = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}
"""Of the cluster, its neighbours and the cloud's metadata server (RFC 1918, RFC 3927)."""


PASSED_ON = (("TCP", TRITON_HTTP_PORT), ("TCP", TRITON_GRPC_PORT))


def peers(server: PlannedServer, direction: str, port: int) -> set[str]:
    return {
        str(peer)
        for allowance in server.network
        if allowance.direction == direction and port in [number for _, number in allowance.ports]
        for peer in allowance.peers
    }


def written(callers: list[Any], networks: list[str]) -> set[str]:
    wanted: list[Peer] = [Pods(namespace=each["namespace"], labels=each.get("pods", {})) for each in callers]
    return {str(peer) for peer in (*wanted, *(Network(cidr=cidr) for cidr in networks))}


@for_every_stack
def test_only_those_whom_exposure_names_reach_the_models(raw: Raw) -> None:
    for server in planned(raw).servers:
        exposure = raw["servers"][server.name]["exposure"]
        asked = written(exposure.get("callers", []), exposure.get("networks", []))
        assert peers(server, "in", HTTP_PORT) == peers(server, "in", GRPC_PORT) == asked


@for_every_stack
def test_metrics_are_open_to_prometheus_alone_and_to_nobody_where_nothing_collects_them(raw: Raw) -> None:
    collected = raw["monitoring"]["kind"] == "prometheus-operator"
    own = {str(Pods(namespace=raw["monitoring"].get("namespace", "monitoring")))} if collected else set[str]()
    for server in planned(raw).servers:
        assert peers(server, "in", METRICS_PORT) == own
        assert all(
            METRICS_PORT not in [number for _, number in allowance.ports] or len(allowance.ports) == 1
            for allowance in server.network
        )


@for_every_stack
def test_nothing_comes_in_but_requests_and_scrapes_and_what_its_own_pods_pass_on(raw: Raw) -> None:
    for server in planned(raw).servers:
        coming = [allowance for allowance in server.network if allowance.direction == "in"]
        assert {port for allowance in coming for port in allowance.ports} <= {
            ("TCP", HTTP_PORT),
            ("TCP", GRPC_PORT),
            ("TCP", METRICS_PORT),
            *PASSED_ON,
        }


@for_every_stack
def test_triton_itself_is_reached_by_its_own_pods_and_by_nobody_else(raw: Raw) -> None:
    for server in planned(raw).servers:
        for _, port in PASSED_ON:
            assert peers(server, "in", port) == {str(OwnPods())}
            assert str(OwnPods()) in peers(server, "out", port)


@for_every_stack
def test_only_a_server_that_reads_a_bucket_may_call_out_further_than_its_own_pods_and_a_resolver(raw: Raw) -> None:
    destination = raw["model_repository"]["destination"]
    # Of a volume the Job reads the bucket, and the server does not.
    filled = destination.get("delivery", {}).get("kind") == "volume"
    bucket = destination["kind"] in {"s3", "s3-compatible", "gs"} and not filled
    for server in planned(raw).servers:
        going = [allowance for allowance in server.network if allowance.direction == "out"]
        further = [each for each in going if not {*PASSED_ON, ("UDP", 53)} & {*each.ports}]
        assert bool(further) == bucket


@for_every_stack
def test_a_bucket_is_reached_at_its_own_networks_or_at_public_addresses_never_at_private_ones(raw: Raw) -> None:
    destination = raw["model_repository"]["destination"]
    networks = destination.get("networks") or ["0.0.0.0/0"]
    for server in planned(raw).servers:
        for allowance in server.network:
            if allowance.because.startswith(("models are read", "models are fetched")):
                found = [peer for peer in allowance.peers if isinstance(peer, Network)]
                assert [peer.cidr for peer in found] == networks
                for peer in found:
                    assert set(peer.but) >= (PRIVATE if peer.cidr == "0.0.0.0/0" else set())
                    assert all(
                        ip_network(hole).subnet_of(ip_network(peer.cidr)) for hole in peer.but
                    )  # API server's rule


def test_on_eks_of_ours_a_pod_proves_who_it_is_at_the_endpoints_in_its_own_vpc_and_reaches_nothing_else_there() -> None:
    """STS has a private address there, which the rule for public ones leaves out (IRSA)."""
    eks = planned_with({"cluster": EKS})
    for server in eks.servers:
        private = {
            peer.cidr
            for allowance in server.network
            if allowance.direction == "out"
            for peer in allowance.peers
            if isinstance(peer, Network) and ip_network(peer.cidr).subnet_of(ip_network("10.0.0.0/16"))
        }
        assert private == {"10.0.224.0/21", "10.0.232.0/21"}


@for_every_stack
def test_every_allowance_names_somebody_and_a_port(raw: Raw) -> None:
    """An empty list of peers means everybody, an empty list of ports every port (NetworkPolicy)."""
    for server in planned(raw).servers:
        for allowance in server.network:
            assert allowance.peers
            assert allowance.ports


def names_looked_up(server: PlannedServer) -> Allowance:
    (found,) = [allowance for allowance in server.network if ("UDP", 53) in allowance.ports]
    return found


def test_names_are_looked_up_where_the_cloud_answers_them() -> None:
    """On GKE a node-local resolver answers, which is no pod: pods alone would break every lookup."""
    dns = {
        kind: [
            peer.cidr
            for peer in names_looked_up(vision(planned_with({"cluster": block}))).peers
            if isinstance(peer, Network)
        ]
        for kind, block in {"gke": GKE, "eks": EKS}.items()
    }
    assert dns == {"gke": list(CLOUDS["gke"].dns.node_local), "eks": []}


def test_a_pod_can_prove_who_it_is_where_the_cloud_asks_it_to() -> None:
    for kind, block in (("gke", GKE), ("eks", EKS), ("gke", {"kind": "reference", "stack": "a/b/c", "cluster": GKE})):
        server = vision(planned_with({"cluster": block}))
        for endpoint in CLOUDS["gke" if kind == "gke" else "eks"].identity:
            assert all(str(Network(cidr=endpoint.cidr)) in peers(server, "out", port) for port in endpoint.ports)


def test_the_metadata_server_of_a_cloud_is_not_reachable_where_no_bucket_is_read() -> None:
    claim = {"model_repository.destination": {"kind": "claim", "claim": "filled"}, "cluster": GKE}
    (further,) = [
        peer
        for allowance in vision(planned_with(claim)).network
        if allowance.direction == "out" and ("TCP", 53) not in allowance.ports
        for peer in allowance.peers
    ]
    assert further == OwnPods()
