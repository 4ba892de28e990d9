"""The NetworkPolicies: what the plan allows some pods, on top of the namespace's denial of everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from planning.network import NAMESPACE_LABEL, Allowance, Network, OwnPods, Peer, Pods
from planning.settings.root import NAMESPACE_POLICY


def network_policy(
    name: str,
    *,
    of: str,
    pods: Mapping[str, str],
    namespace: Input[str],
    labels: Mapping[str, str],
    allowances: Sequence[Allowance],
    opts: ResourceOptions,
) -> NetworkPolicy:
    """Named `of`: select the pods with the labels `pods` and allow `allowances`; the directions that it lists none for
    stay closed."""
    return NetworkPolicy(
        name,
        metadata=ObjectMetaArgs(name=of, namespace=namespace, labels=labels),
        spec=NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=dict(pods)),
            policy_types=["Ingress", "Egress"],
            # No rule rather than an empty list of them: the API server drops the list, and every apply would count as
            # a change.
            ingress=[
                NetworkPolicyIngressRuleArgs(
                    from_=[_peer(peer, pods) for peer in allowance.peers] or None, ports=_ports(allowance)
                )
                for allowance in allowances
                if allowance.direction == "in"
            ]
            or None,
            egress=[
                NetworkPolicyEgressRuleArgs(to=[_peer(peer, pods) for peer in allowance.peers], ports=_ports(allowance))
                for allowance in allowances
                if allowance.direction == "out"
            ]
            or None,
        ),
        opts=opts,
    )


def default_deny(
    name: str, *, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> NetworkPolicy:
    """Nothing comes into the namespace or leaves it, but what other policies allow."""
    return NetworkPolicy(
        name,
        metadata=ObjectMetaArgs(name=NAMESPACE_POLICY, namespace=namespace, labels=labels),
        spec=NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
        opts=opts,
    )


def _peer(peer: Peer, own: Mapping[str, str]) -> NetworkPolicyPeerArgs:
    match peer:
        case Pods(namespace=namespace, labels=labels):
            return NetworkPolicyPeerArgs(
                namespace_selector=LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace}) if namespace else None,
                pod_selector=LabelSelectorArgs(match_labels=dict(labels)) if labels or not namespace else None,
            )
        case OwnPods():
            return NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=dict(own)))
        case Network(cidr=cidr, but=but):
            return NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=cidr, except_=list(but) or None))


def _ports(allowance: Allowance) -> list[NetworkPolicyPortArgs]:
    return [NetworkPolicyPortArgs(protocol=protocol, port=port) for protocol, port in allowance.ports]
