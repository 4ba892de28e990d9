"""What selects what: Deployments, Services, budgets, scalers, monitors and network policies."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from rendered_stack import Body, RenderedStack


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()


def _pods(stack: RenderedStack) -> dict[str, Mapping[str, str]]:
    """The labels of each Deployment's pods, by its name."""
    return {
        deployment.name: deployment.body["spec"]["template"]["metadata"]["labels"]
        for deployment in stack.of("Deployment")
    }


def _of_server(stack: RenderedStack, server: str) -> set[str]:
    (planned,) = [one for one in stack.plan.servers if one.name == server]
    return {lane.lane.deployment for lane in planned.lanes}


def _server(body: Body) -> str:
    return body["metadata"]["labels"]["app.kubernetes.io/instance"]


def test_every_planned_lane_is_one_deployment_and_nothing_else_is(stack: RenderedStack) -> None:
    planned = [lane.lane.deployment for server in stack.plan.servers for lane in server.lanes]
    assert sorted(deployment.name for deployment in stack.of("Deployment")) == sorted(planned)


def test_a_deployment_selects_its_own_pods_and_no_others(stack: RenderedStack) -> None:
    pods = _pods(stack)
    for deployment in stack.of("Deployment"):
        selector = deployment.body["spec"]["selector"]
        assert set(selector) == {"matchLabels"}
        assert [name for name, labels in pods.items() if _selects(selector["matchLabels"], labels)] == [deployment.name]


def test_no_selector_of_a_deployment_is_part_of_another(stack: RenderedStack) -> None:
    selectors = [deployment.body["spec"]["selector"]["matchLabels"] for deployment in stack.of("Deployment")]
    for one, other in combinations(selectors, 2):
        assert any(one.get(key) != other.get(key) for key in one.keys() & other.keys())


def test_selectors_hold_nothing_that_a_stack_file_can_change(stack: RenderedStack) -> None:
    # A selector is immutable: a label of the user's in it would make the next change of labels fail.
    for deployment in stack.of("Deployment"):
        assert not deployment.body["spec"]["selector"]["matchLabels"].keys() & stack.plan.settings.labels.keys()


def test_every_service_selects_all_lanes_of_its_server_and_no_other_pod(stack: RenderedStack) -> None:
    pods = _pods(stack)
    for service in stack.of("Service"):
        selected = {name for name, labels in pods.items() if _selects(service.body["spec"]["selector"], labels)}
        assert selected == _of_server(stack, _server(service.body))


def test_every_budget_selects_all_lanes_of_its_server_and_lets_a_node_be_drained(stack: RenderedStack) -> None:
    pods = _pods(stack)
    budgets = stack.of("PodDisruptionBudget")
    assert {_server(budget.body) for budget in budgets} == {server.name for server in stack.plan.servers}
    assert len(budgets) == len(stack.plan.servers)  # a pod under two budgets cannot be evicted at all
    for budget in budgets:
        spec = budget.body["spec"]
        selected = {name for name, labels in pods.items() if _selects(spec["selector"]["matchLabels"], labels)}
        assert selected == _of_server(stack, _server(budget.body))
        assert "minAvailable" not in spec
        assert spec["maxUnavailable"] >= 1
        assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_no_deployment_states_replicas_and_exactly_one_scaler_owns_them(stack: RenderedStack) -> None:
    deployments = {deployment.name for deployment in stack.of("Deployment")}
    assert all("replicas" not in deployment.body["spec"] for deployment in stack.of("Deployment"))
    targets = [scaler.body["spec"]["scaleTargetRef"] for scaler in stack.of("HorizontalPodAutoscaler")]
    assert sorted(target["name"] for target in targets) == sorted(deployments)
    assert all((target["apiVersion"], target["kind"]) == ("apps/v1", "Deployment") for target in targets)


def test_every_scaler_has_bounds_in_order_and_metrics(stack: RenderedStack) -> None:
    for scaler in stack.of("HorizontalPodAutoscaler"):
        spec = scaler.body["spec"]
        assert 1 <= spec["minReplicas"] <= spec["maxReplicas"]
        assert spec["metrics"]
        assert set(spec["behavior"]) == {"scaleUp", "scaleDown"}
        for direction in spec["behavior"].values():
            assert "stabilizationWindowSeconds" in direction
            assert direction["policies"]


def test_lanes_of_a_server_add_up_to_its_one_statement(stack: RenderedStack) -> None:
    bounds = {
        scaler.body["spec"]["scaleTargetRef"]["name"]: scaler.body["spec"]
        for scaler in stack.of("HorizontalPodAutoscaler")
    }
    for server in stack.plan.servers:
        replicas = stack.plan.settings.servers[server.name].replicas
        steady = [lane.lane.deployment for lane in server.lanes if lane.lane.capacity == "on-demand"]
        assert sum(bounds[name]["minReplicas"] for name in steady) == replicas.floor
        assert sum(bounds[lane.lane.deployment]["maxReplicas"] for lane in server.lanes) == replicas.ceiling


def test_metrics_are_never_served_beyond_the_cluster(stack: RenderedStack) -> None:
    for service in stack.of("Service"):
        beyond = service.body["spec"]["type"] != "ClusterIP"
        ports = {port["name"] for port in service.body["spec"]["ports"]}
        assert {"http", "grpc"} <= ports or ports == {"http-triton", "grpc-triton"}
        if beyond or service.body["spec"].get("clusterIP") == "None":
            assert "metrics" not in ports


def test_what_is_reached_from_beyond_the_cluster_says_from_where(stack: RenderedStack) -> None:
    exposed = {server.name for server in stack.plan.servers if server.exposure.kind != "cluster"}
    beyond = [service.body for service in stack.of("Service") if service.body["spec"]["type"] == "LoadBalancer"]
    assert {_server(body) for body in beyond} == exposed
    for body in beyond:
        assert body["spec"]["loadBalancerSourceRanges"]
        assert "0.0.0.0/0" not in body["spec"]["loadBalancerSourceRanges"]
        assert "NodePort" not in {service.body["spec"]["type"] for service in stack.of("Service")}


def test_a_monitor_scrapes_every_pod_of_its_server_by_a_port_that_it_has(stack: RenderedStack) -> None:
    monitored = stack.plan.settings.monitoring.kind == "prometheus-operator"
    monitors = [manifest for manifest in stack.manifests if manifest.kind == "PodMonitor"]
    assert bool(monitors) == monitored
    pods = _pods(stack)
    for monitor in monitors:
        spec = monitor.body["spec"]
        selected = {name for name, labels in pods.items() if _selects(spec["selector"]["matchLabels"], labels)}
        assert selected == _of_server(stack, _server(monitor.body))
        assert [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]] == ["metrics"]


def test_a_spread_compares_the_pods_of_one_lane(stack: RenderedStack) -> None:
    pods = _pods(stack)
    for deployment in stack.of("Deployment"):
        constraints = deployment.body["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert {c["topologyKey"] for c in constraints} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        for constraint in constraints:
            selector = constraint["labelSelector"]["matchLabels"]
            assert [name for name, labels in pods.items() if _selects(selector, labels)] == [deployment.name]
