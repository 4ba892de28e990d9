"""What holds of every EKS cluster that planning lets through, and what it says of one that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import combinations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as search
from hypothesis import strategies as st

from planning.buckets import CloudIdentity
from planning.catalogue import CATALOGUE
from planning.catalogue.eks import SYSTEM_MACHINES, VERSIONS
from planning.catalogue.machines import MACHINES
from planning.clusters.eks import ClusterAutoscaler, Karpenter, PlannedEks, plan_eks
from planning.clusters.eks_models import ModelsInS3
from planning.clusters.eks_names import role_name
from planning.clusters.eks_network import can_be_cut, plan_network, smallest
from planning.draining import DETECTION_LAG_S
from planning.findings import Finding, Severity
from planning.plan import Plan
from tests.unit.planning.world import EKS, SIGNING, Raw, edited, planned, settings_of

ZONES = tuple(f"us-east-1{letter}" for letter in "abcdef")
NETWORKS = ("10.0.0.0/16", "10.40.0.0/16", "10.8.0.0/17", "10.0.0.0/18", "172.20.0.0/16")
SERVICES = ("172.20.0.0/16", "10.100.0.0/16", "10.100.0.0/20")
SOLD = sorted({(machine.gpu, machine.gpus) for machine in MACHINES if machine.cloud == "eks"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    plan: Plan
    eks: PlannedEks | None
    found: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.found if finding.severity is Severity.ERROR]


def made(raw: Raw) -> Made:
    plan = planned(raw)
    nodes = {cost.pool.name: cost.nodes for cost in plan.cost}
    eks, found = plan_eks(plan.settings, plan.pools, plan.servers, nodes, CATALOGUE)
    return Made(plan=plan, eks=eks, found=found)


def eks_stack(changes: Mapping[str, Any] | None = None) -> Raw:
    return edited({"cluster": EKS, "controllers.karpenter": "present", **(changes or {})})


def planned_eks(changes: Mapping[str, Any] | None = None) -> PlannedEks:
    of = made(eks_stack(changes))
    assert of.eks is not None
    assert not of.errors, of.errors
    return of.eks


def found(changes: Mapping[str, Any]) -> dict[str, Finding]:
    return {finding.rule.id: finding for finding in made(eks_stack(changes)).found}


def mostly(*usual: Any, seldom: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """One of `usual`, and once in ten times one of `seldom`, so that most stacks that are drawn can be built."""
    return st.sampled_from([*usual * 9, *seldom])


@st.composite
def stacks(draw: st.DrawFn) -> Raw:
    """One server on pools of whatever EKS sells, on a network of any size."""
    zones = draw(st.integers(2, len(ZONES)))
    pools: dict[str, Any] = {}
    for name in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        gpu, gpus = draw(st.sampled_from(SOLD))
        least = draw(mostly(0, seldom=(2,)))
        pools[name] = {
            "gpu": gpu,
            "gpus_per_node": gpus,
            "capacity": draw(st.sampled_from(("on-demand", "spot"))),
            "nodes": {"min": least, "max": draw(mostly(2, 8, 20, seldom=(400,)))},
        }
    cluster = {
        **EKS,
        "zones": list(ZONES[:zones]),
        "network": draw(mostly(*NETWORKS, seldom=("10.1.0.0/24", "192.168.0.0/22"))),
        "services": draw(st.sampled_from(SERVICES)),
        "kubernetes": draw(mostly("1.34", "1.35", seldom=("1.31", "1.33"))),
        "support": draw(st.sampled_from(("standard", "extended"))),
        "system": {"machine": draw(st.sampled_from(sorted(SYSTEM_MACHINES))), "nodes": {"min": 2, "max": 4}},
    }
    floor = draw(st.integers(1, 4))
    return edited(
        {
            "cluster": cluster,
            "gpu_pools": pools,
            "controllers.karpenter": draw(st.sampled_from(("present", "none"))),
            "servers.vision.gpu.pools": list(pools),
            "servers.vision.replicas": {"floor": floor, "ceiling": floor + draw(st.integers(0, 4))},
        }
    )


def of_every_stack_without_an_error(raw: Raw) -> tuple[Plan, PlannedEks]:
    of = made(raw)
    assume(not of.errors)
    assert of.eks is not None
    return of.plan, of.eks


every_stack = search(max_examples=40)


@every_stack
@given(stacks())
def test_subnets_lie_apart_inside_the_network_and_services_outside_it(raw: Raw) -> None:
    _, eks = of_every_stack_without_an_error(raw)
    network = eks.network
    cut = [ip_network(subnet.cidr) for subnet in (*network.private, *network.public, *network.inner)]
    assert all(subnet.subnet_of(ip_network(network.cidr)) for subnet in cut)
    assert not any(one.overlaps(other) for one, other in combinations(cut, 2))
    assert not ip_network(eks.services).overlaps(ip_network(network.cidr))
    assert all(ip_network(own.prefixes).subnet_of(ip_network(own.cidr)) for own in network.private)
    assert all(subnet.prefixlen <= 28 for subnet in cut), "a VPC has no smaller subnets"
    assert network.zones == tuple(raw["cluster"]["zones"])


@every_stack
@given(stacks())
def test_every_machine_of_a_pool_carries_its_gpus_and_is_no_smaller_than_the_planned_one(raw: Raw) -> None:
    plan, eks = of_every_stack_without_an_error(raw)
    pools = {pool.name: pool for pool in plan.pools}
    carried = {group.name: group.machines.value for group in eks.groups}
    if isinstance(eks.scaler, Karpenter):
        carried |= {node_pool.pool: node_pool.machines.value for node_pool in eks.scaler.pools}
    for name, machines in carried.items():
        pool = pools[name]
        assert pool.machine is not None
        assert pool.machine.value.name in machines
        for machine in machines:
            known = CATALOGUE.machine("eks", machine, pool.gpu.kind, pool.gpus_per_node)
            assert known is not None
            assert pool.capacity in known.capacities
            assert known.vcpus >= pool.machine.value.vcpus
            assert known.memory_bytes >= pool.machine.value.memory_bytes


@every_stack
@given(stacks())
def test_all_pods_of_all_nodes_have_addresses_though_every_node_be_in_one_zone(raw: Raw) -> None:
    plan, eks = of_every_stack_without_an_error(raw)
    max_pods = {group.name: group.max_pods.value for group in (eks.system, *eks.groups)}
    if isinstance(eks.scaler, Karpenter):
        max_pods |= {kind.name: kind.max_pods.value for kind in eks.scaler.classes}
    addresses = eks.system.maximum.value * max_pods["system"]
    addresses += sum(pool.max_nodes * max_pods[pool.name] for pool in plan.pools if pool.name in max_pods)
    smallest_zone = min(ip_network(own.prefixes).num_addresses for own in eks.network.private)
    assert addresses <= smallest_zone


@every_stack
@given(stacks())
def test_what_a_pool_may_have_is_what_its_groups_and_node_pools_may_have(raw: Raw) -> None:
    plan, eks = of_every_stack_without_an_error(raw)
    for pool in plan.pools:
        groups = [group for group in eks.groups if group.name == pool.name]
        standing = sum(group.maximum.value for group in groups)
        if isinstance(eks.scaler, ClusterAutoscaler):
            assert standing == pool.max_nodes
            continue
        bought = [each for each in eks.scaler.pools if each.pool == pool.name]
        for capacity in {each.capacity for each in bought}:
            (most,) = [each.gpus.value for each in bought if each.capacity == capacity]
            assert standing * pool.gpus_per_node + most == pool.max_nodes * pool.gpus_per_node


@every_stack
@given(stacks())
def test_the_floor_stands_on_nodes_that_no_scaler_moves(raw: Raw) -> None:
    plan, eks = of_every_stack_without_an_error(raw)
    assume(isinstance(eks.scaler, Karpenter))
    groups = {group.name: group for group in eks.groups}
    for cost in plan.cost:
        if cost.pool.capacity == "on-demand" and (always := cost.nodes.at_rest.value):
            group = groups[cost.pool.name]
            assert (group.capacity, group.minimum.value, group.at_first.value) == ("on-demand", always, always)
            assert not group.autoscaled


@every_stack
@given(stacks())
def test_nodes_of_a_pool_have_its_labels_and_taints_whoever_makes_them(raw: Raw) -> None:
    plan, eks = of_every_stack_without_an_error(raw)
    pools = {pool.name: pool for pool in plan.pools}
    makers = [(group.name, group.labels, group.taints) for group in eks.groups]
    if isinstance(eks.scaler, Karpenter):
        makers += [(each.pool, each.labels, each.taints) for each in eks.scaler.pools]
        assert {each.pool for each in eks.scaler.pools} == {kind.name for kind in eks.scaler.classes}
    # By this one the Cluster Autoscaler knows what to wait for.
    more = set[str]() if isinstance(eks.scaler, Karpenter) else {"k8s.amazonaws.com/accelerator"}
    for name, labels, taints in makers:
        assert labels.items() >= pools[name].labels.items()
        assert set(labels) - set(pools[name].labels) == more
        assert taints == pools[name].taints


@every_stack
@given(stacks())
def test_spot_is_tried_first_and_what_drains_there_is_done_before_the_reclaim(raw: Raw) -> None:
    plan, eks = of_every_stack_without_an_error(raw)
    assume(isinstance(eks.scaler, Karpenter))
    assert isinstance(eks.scaler, Karpenter)
    for pool in plan.pools:
        if pool.capacity != "spot":
            continue
        spot, instead = (each for each in eks.scaler.pools if each.pool == pool.name)
        assert (spot.capacity, instead.capacity) == ("spot", "on-demand")
        assert spot.weight.value > instead.weight.value
        assert pool.notice is not None
        assert spot.grace_s.value + DETECTION_LAG_S <= pool.notice.seconds
        for server in plan.servers:
            if any(pool.name == other.name for lane in server.lanes for other in lane.lane.pools):
                assert server.drain.grace.value <= spot.grace_s.value, "a pod would be cut off"


@every_stack
@given(stacks())
def test_a_node_with_pods_moves_alone(raw: Raw) -> None:
    _, eks = of_every_stack_without_an_error(raw)
    assert all(group.updated_at_once.value == 1 for group in (eks.system, *eks.groups))
    if isinstance(eks.scaler, Karpenter):
        for node_pool in eks.scaler.pools:
            moved = {reason: budget.nodes for budget in node_pool.budgets.value for reason in budget.reasons}
            assert moved == {"Drifted": "1", "Underutilized": "1", "Empty": "100%"}


def test_a_third_zone_moves_no_subnet_of_the_first_two() -> None:
    before, after = (plan_network("10.0.0.0/16", ZONES[:zones], ()) for zones in (2, 3))
    assert after.private[:2] == before.private
    assert after.public[:2] == before.public
    assert after.inner[:2] == before.inner


@pytest.mark.parametrize("zones", [2, 3, 4, 6])
def test_the_smallest_network_is_cut_and_the_next_smaller_is_not(zones: int) -> None:
    least = smallest(zones)
    assert can_be_cut(f"10.0.0.0/{least}", zones)
    assert not can_be_cut(f"10.0.0.0/{least + 1}", zones)
    cut = plan_network(f"10.0.0.0/{least}", ZONES[:zones], ())
    assert {ip_network(subnet.cidr).prefixlen for subnet in cut.inner} == {27}


def test_the_named_machine_is_the_only_one() -> None:
    pool = {"gpu": "nvidia-a10g", "capacity": "on-demand", "nodes": {"max": 4}}
    changes = {"gpu_pools.steady": pool, "gpu_pools.cheap": {**pool, "capacity": "spot"}}
    eks = planned_eks({**changes, "cluster.machines": {"steady": "g5.4xlarge"}})
    (group,) = eks.groups
    assert group.machines.value == ("g5.4xlarge",)
    assert planned_eks(changes).groups[0].machines.value == ("g5.xlarge", "g5.2xlarge", "g5.4xlarge")


def test_a_larger_model_gets_a_larger_disk() -> None:
    small = planned_eks().groups[0].root_gib.value
    assert planned_eks({"servers.vision.resources.scratch": "80Gi"}).groups[0].root_gib.value > small + 80


def test_a_cluster_is_named_like_its_namespace_unless_it_is_named() -> None:
    assert planned_eks().name.value == "inference"
    eks = planned_eks({"cluster.name": "gpu-prod"})
    assert eks.name.value == "gpu-prod"
    assert isinstance(eks.scaler, Karpenter)
    assert eks.scaler.discovery == ("karpenter.sh/discovery", "gpu-prod")
    assert eks.scaler.instance_profile == "gpu-prod-us-east-1-karpenter-node"


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_are_of_the_regions_partition(region: str, partition: str) -> None:
    eks = planned_eks({"cluster.region": region, "cluster.zones": [f"{region}a", f"{region}b"]})
    assert eks.partition == partition
    assert all(cost.usd_per_hour is None for cost in eks.costs), "prices are of us-east-1 alone"


def test_what_it_costs_at_rest_is_the_sum_of_what_stands() -> None:
    costs = {cost.what: cost for cost in planned_eks().costs}
    assert (costs["NAT gateways"].count, str(costs["NAT gateways"].usd_per_hour)) == (2, "0.090")
    assert costs["interface endpoints, one a service and zone"].count == 2 * 9
    assert str(costs["control plane"].usd_per_hour) == "0.10"
    extended = planned_eks({"cluster.kubernetes": "1.33", "cluster.support": "extended"})
    assert str({cost.what: cost for cost in extended.costs}["control plane"].usd_per_hour) == "0.60"
    own_key = planned_eks({"cluster.key": "arn:aws:kms:us-east-1:123456789012:key/0a1b"})
    assert not [cost for cost in own_key.costs if cost.what.startswith("KMS key")]


UNNAMED = {"kind": "s3", "bucket": "models", "region": "us-east-1"}
ARN = "arn:aws:iam::123456789012:role/"


def _models(changes: Mapping[str, Any]) -> ModelsInS3:
    models = planned_eks(changes).models
    assert models is not None
    return models


def test_a_server_without_a_named_role_gets_one_for_its_own_prefix() -> None:
    below = _models({"model_repository.destination": {**UNNAMED, "prefix": "triton"}})
    assert [(role.account, role.reads.value, role.writes) for role in below.roles] == [
        ("vision", ("triton/vision/",), None)
    ]
    assert _models({"model_repository.destination": UNNAMED}).roles[0].reads.value == ("vision/",)
    assert _models({}).roles == ()


def test_pods_are_told_the_role_that_will_be_made_also_where_another_stack_makes_it() -> None:
    whole = eks_stack({"model_repository.destination": UNNAMED})
    behind = {"kind": "reference", "stack": "acme/tritonup/cluster", "cluster": EKS}
    for raw in (whole, {**whole, "cluster": behind}):
        (server,) = planned(raw).servers
        assert server.storage.bucket is not None
        assert server.storage.bucket.access == CloudIdentity(
            annotations=(("eks.amazonaws.com/role-arn", f"{ARN}inference-us-east-1-models-vision"),)
        )


def test_a_role_is_named_by_account_region_and_cluster_within_what_iam_takes() -> None:
    assert role_name("inference", "us-east-1", "models-vision") == "inference-us-east-1-models-vision"
    long = [role_name("c" * 40, "ap-southeast-2", f"models-{'s' * 38}{end}") for end in ("a", "b")]
    assert [len(name) for name in long] == [64, 64]
    assert long[0] != long[1]


def test_only_who_reads_by_triton_itself_may_ask_for_the_bucket_as_a_whole() -> None:
    by_triton = _models({"model_repository.destination": UNNAMED})
    assert [role.finds is not None for role in by_triton.roles] == [True]
    fetched = {**UNNAMED, "delivery": {"kind": "fetched"}}
    pods_fetch = _models(
        {
            "model_repository.destination": fetched,
            "model_repository.signing": SIGNING,
            "images.registry": "registry.example/acme",
        }
    )
    assert [role.finds for role in pods_fetch.roles] == [None]


def test_builders_write_where_engines_lie_and_read_what_they_build_from() -> None:
    building = {**UNNAMED, "prefix": "triton", "engines": {}}
    models = _models({"model_repository.destination": building, "model_repository.signing": SIGNING})
    (builder,) = [role for role in models.roles if role.account == "engine-builder"]
    assert builder.reads.value == ("triton/engine-sources/", "triton/engines/")
    assert builder.writes is not None
    assert builder.writes.value == ("triton/engines/",)
    named = {**building, "engines": {"role": f"{ARN}builder"}}
    given = _models({"model_repository.destination": named, "model_repository.signing": SIGNING})
    assert [role.account for role in given.roles] == ["vision"]


def test_a_bucket_that_is_made_is_protected_while_the_cluster_is() -> None:
    for deletion, protected in (("refused", True), ("allowed", False)):
        made = {"cluster.model_bucket": {"kind": "made", "keep": 7}, "cluster.deletion": deletion}
        new = _models({"model_repository.destination": UNNAMED, **made}).made
        assert new is not None
        assert (new.keep_days, new.protected.value) == (7, protected)
    assert _models({}).made is None


def test_a_cluster_of_another_kind_is_not_planned() -> None:
    assert made(edited({})).eks is None


def test_a_cluster_of_another_stack_is_planned_as_that_stack_plans_it() -> None:
    behind = {"kind": "reference", "stack": "acme/tritonup/cluster", "cluster": EKS}
    assert made(eks_stack({"cluster": behind})).eks == planned_eks()


def test_findings_of_another_stacks_cluster_are_at_its_block_here() -> None:
    behind = {"kind": "reference", "stack": "acme/tritonup/cluster", "cluster": {**EKS, "kubernetes": "1.31"}}
    (finding,) = made(eks_stack({"cluster": behind})).found
    assert finding.at.field == "cluster.cluster.kubernetes"


def test_every_version_that_is_known_to_be_in_standard_support_is_let_through() -> None:
    offered = [version.minor for version in VERSIONS if version.in_standard_support]
    assert offered
    for minor in offered:
        planned_eks({"cluster.kubernetes": minor})


@pytest.mark.parametrize(
    ("services", "said"),
    [("10.0.0.0/25", "/12 and /24"), ("203.0.113.0/24", "10.0.0.0/8"), ("fd00::/64", "10.0.0.0/8")],
)
def test_a_network_of_services_that_eks_would_refuse_is_refused_by_its_form(services: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        settings_of(eks_stack({"cluster.services": services}))


def test_a_principal_is_granted_once() -> None:
    grants = [{"principal": "arn:aws:iam::123456789012:role/platform", "may": may} for may in ("administer", "view")]
    with pytest.raises(AssertionError, match="names a principal twice"):
        settings_of(eks_stack({"cluster.access": grants}))


@pytest.mark.parametrize("more", [{"may": "groups"}, {"may": "view", "groups": ["ml"]}])
def test_groups_are_named_where_they_decide_and_only_there(more: dict[str, Any]) -> None:
    grant = {"principal": "arn:aws:iam::123456789012:role/platform", **more}
    with pytest.raises(AssertionError, match="has groups where `may` is groups, and only there"):
        settings_of(eks_stack({"cluster.access": [grant]}))


@pytest.mark.parametrize(
    ("allow", "word"),
    [
        (["0.0.0.0/0"], "4,294,967,296"),
        (["64.0.0.0/7"], "33,554,432"),
        (["10.1.0.0/16"], "private"),
        (["2001:db8::/32"], "IPv6"),
        ([f"203.0.113.{host}/32" for host in range(41)], "41"),
    ],
)
def test_a_public_control_plane_is_not_open_to_those_whom_nobody_names(allow: list[str], word: str) -> None:
    said = found({"cluster.endpoint": {"kind": "public", "allow": allow}})
    assert word in said["TU934"].what


def test_forty_named_public_networks_are_let_through() -> None:
    allow = [f"203.0.113.{host}/32" for host in range(40)]
    assert "TU934" not in found({"cluster.endpoint": {"kind": "public", "allow": allow}})


def test_a_company_network_that_holds_the_vpc_may_reach_it_and_one_inside_the_vpc_is_a_mistake() -> None:
    assert found({"cluster.reach": ["10.0.0.0/8"]}) == {}
    assert found({"cluster.reach": ["10.0.7.0/24"]})["TU933"].at.field == "cluster.reach[0]"
