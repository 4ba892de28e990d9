"""Who may talk to whom: everything is denied in both directions, then exactly what the plan lists."""

from __future__ import annotations

from typing import Any

from rendered_stack import Body, RenderedStack

from components.labels import selector
from planning.network import Allowance, Network, OwnPods, Pods


def test_every_namespace_denies_everything_in_both_directions(stack: RenderedStack) -> None:
    for namespace in stack.of("Namespace"):
        (deny,) = [
            policy.body["spec"]
            for policy in stack.of("NetworkPolicy")
            if policy.namespace == namespace.name and policy.body["spec"]["podSelector"] == {}
        ]
        assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
        assert not deny.get("ingress")
        assert not deny.get("egress")


def test_every_server_has_one_policy_that_selects_its_pods_and_no_others(stack: RenderedStack) -> None:
    policies = [p.body for p in stack.of("NetworkPolicy") if p.body["spec"]["podSelector"]]
    assert sorted(p["metadata"]["name"] for p in policies) == sorted(server.name for server in stack.plan.servers)
    for policy in policies:
        wanted = policy["spec"]["podSelector"]["matchLabels"]
        assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        for server, _, deployment in stack.lanes():
            selected = wanted.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
            assert selected == (server.name == policy["metadata"]["name"])


def test_what_is_allowed_is_what_the_plan_lists(stack: RenderedStack) -> None:
    for server in stack.plan.servers:
        spec = stack.one("NetworkPolicy", server.name)["spec"]
        for direction, side, field in (("in", "from", "ingress"), ("out", "to", "egress")):
            expected = [
                _rule(allowance, side, server.name) for allowance in server.network if allowance.direction == direction
            ]
            assert (spec.get(field) or []) == expected


def test_no_rule_is_open_to_everybody_or_for_every_port(stack: RenderedStack) -> None:
    for policy in stack.of("NetworkPolicy"):
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for rule in policy.body["spec"].get(direction) or []:
                assert rule[side]
                assert all(isinstance(port["port"], int) for port in rule["ports"])
                assert rule["ports"]
                assert {} not in rule[side]


def test_nobody_but_prometheus_reaches_the_metrics(stack: RenderedStack) -> None:
    monitoring = stack.plan.settings.monitoring
    for server in stack.plan.servers:
        rules = stack.one("NetworkPolicy", server.name)["spec"].get("ingress") or []
        reaching = [rule for rule in rules if any(port["port"] == 8002 for port in rule["ports"])]
        expected = [_namespace(monitoring.namespace)] if monitoring.kind == "prometheus-operator" else []
        assert [peer for rule in reaching for peer in rule["from"]] == expected


def test_the_credentials_of_nodes_cannot_be_had_from_a_pod(stack: RenderedStack) -> None:
    """A rule for any public address leaves the metadata servers' and all private addresses out."""
    for server in stack.plan.servers:
        for rule in stack.one("NetworkPolicy", server.name)["spec"].get("egress") or []:
            for peer in rule["to"]:
                if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                    assert {"169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(
                        peer["ipBlock"]["except"]
                    )


def _namespace(name: str) -> Body:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _rule(allowance: Allowance, side: str, server: str) -> dict[str, Any]:
    peers: list[dict[str, Any]] = []
    for peer in allowance.peers:
        match peer:
            case Pods(namespace=str(namespace), labels=labels):
                chosen = {"podSelector": {"matchLabels": dict(labels)}} if labels else {}
                peers.append({**_namespace(namespace), **chosen})
            case OwnPods():
                peers.append({"podSelector": {"matchLabels": selector(server)}})
            case Network(cidr=cidr, but=but):
                peers.append({"ipBlock": {"cidr": cidr, **({"except": list(but)} if but else {})}})
            case other:
                raise AssertionError(other)
    return {side: peers, "ports": [{"protocol": protocol, "port": port} for protocol, port in allowance.ports]}
