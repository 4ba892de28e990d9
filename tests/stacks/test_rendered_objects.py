"""What holds of every object, of whatever kind."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from rendered_stack import RenderedStack, containers_of, pod_of

from components.gpu.device_plugins import NAMESPACE
from stacks.recording import leaves
from stacks.render import ORDER, Manifest

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123. Stricter than most kinds ask (a subdomain), so that a name can go into every field and label."""

CLUSTER_SCOPED = {
    "Namespace",
    "PriorityClass",
    "PersistentVolume",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ComputeClass",
}
OF_THE_CLUSTER = {"EC2NodeClass", "NodePool"}
"""Of no namespace and no stack: nodes for whatever runs on the cluster, named like its pools."""
GPUS = NAMESPACE
"""One for the cluster: two stacks cannot both install a device plugin."""

LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def test_every_name_is_a_dns_label(stack: RenderedStack) -> None:
    for manifest in stack.manifests:
        assert DNS_LABEL.fullmatch(manifest.name), manifest


def test_no_two_objects_of_a_kind_share_their_name(whole: RenderedStack) -> None:
    seen = Counter((manifest.kind, manifest.namespace, manifest.name) for manifest in whole.manifests)
    assert seen.most_common(1)[0][1] == 1, seen


def test_names_inside_a_pod_are_dns_labels_and_differ(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        containers, volumes = containers_of(deployment.body), pod_of(deployment.body)["volumes"]
        ports = [port for container in containers for port in container["ports"]]
        for things in (containers, volumes, ports):
            names = [thing["name"] for thing in things]
            assert all(DNS_LABEL.fullmatch(name) for name in names)
            assert len(set(names)) == len(names)
        # One network namespace for all of a pod's containers.
        assert len({port["containerPort"] for port in ports}) == len(ports)


def test_every_volume_is_mounted_and_every_mount_has_a_volume(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        containers = containers_of(deployment.body)
        mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod_of(deployment.body)["volumes"]}
        for container in containers:
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(set(paths)) == len(paths)


def test_what_a_pod_refers_to_is_rendered(stack: RenderedStack) -> None:
    there = {(manifest.kind, manifest.name) for manifest in stack.manifests}
    for deployment in stack.of("Deployment"):
        pod = pod_of(deployment.body)
        assert ("ServiceAccount", pod["serviceAccountName"]) in there
        assert ("PriorityClass", pod["priorityClassName"]) in there
        for volume in pod["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in there


def test_every_object_is_in_the_planned_namespace_or_carries_it_in_its_name(stack: RenderedStack) -> None:
    (namespace,) = [one for one in stack.of("Namespace") if one.name != GPUS]
    assert namespace.name == stack.plan.namespace
    for manifest in stack.manifests:
        if _of_gpus(manifest):
            assert stack.plan.device_plugins
        elif manifest.kind in OF_THE_CLUSTER:
            assert manifest.namespace is None
        elif manifest.kind in CLUSTER_SCOPED:
            assert manifest.namespace is None
            # Two stacks share a cluster without a clash.
            assert manifest.name == namespace.name or manifest.name.startswith(f"{namespace.name}-")
        else:
            assert manifest.namespace == namespace.name


def _of_gpus(manifest: Manifest) -> bool:
    return GPUS in (manifest.namespace, manifest.name)


def test_the_namespace_enforces_restricted_pods_of_the_clusters_version(stack: RenderedStack) -> None:
    labels = stack.of("Namespace")[0].body["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "v1.35"


def test_every_object_carries_the_recommended_labels_and_the_stack_files_own(whole: RenderedStack) -> None:
    for manifest in whole.manifests:
        labels = manifest.body["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "tritonup"
        assert labels["app.kubernetes.io/managed-by"] == "tritonup"
        assert whole.plan.settings.labels.items() <= labels.items()
        assert all(LABEL_VALUE.fullmatch(value) for value in labels.values())


def test_every_object_of_a_server_names_its_application_and_instance(stack: RenderedStack) -> None:
    servers = {server.name for server in stack.plan.servers}
    shared = {*CLUSTER_SCOPED, *OF_THE_CLUSTER, "PersistentVolumeClaim", "ResourceQuota", "LimitRange"}
    for manifest in stack.manifests:
        if manifest.kind in shared or manifest.name == "default-deny" or _of_gpus(manifest):
            continue
        labels = manifest.body["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "triton"
        assert labels["app.kubernetes.io/instance"] in servers
        assert manifest.name.startswith(labels["app.kubernetes.io/instance"])


def test_every_pod_carries_the_stack_files_labels_too(stack: RenderedStack) -> None:
    # Cost and logs are attributed by pod.
    for deployment in stack.of("Deployment"):
        labels = deployment.body["spec"]["template"]["metadata"]["labels"]
        assert labels == deployment.body["metadata"]["labels"]


def test_no_object_holds_a_fraction_or_nothing(whole: RenderedStack) -> None:
    for manifest in whole.manifests:
        for path, value in leaves(manifest.body):
            assert value is not None, f"{manifest.kind} {manifest.name}: {path}"
            assert type(value) in (str, int, bool, dict, list), f"{manifest.kind} {manifest.name}: {path} is {value!r}"


def test_objects_come_after_what_they_stand_on(whole: RenderedStack) -> None:
    kinds = [manifest.kind for manifest in whole.manifests]
    assert set(kinds) <= set(ORDER)
    assert kinds == sorted(kinds, key=ORDER.index)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("Namespace", "ServiceAccount"),
        ("ServiceAccount", "Deployment"),
        ("PersistentVolumeClaim", "Deployment"),
        ("PriorityClass", "Deployment"),
        ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        ("ValidatingAdmissionPolicyBinding", "Deployment"),
        ("NetworkPolicy", "Deployment"),
        ("PodDisruptionBudget", "Deployment"),
        ("Deployment", "HorizontalPodAutoscaler"),
    ],
)
def test_the_apply_order_puts_a_need_before_its_user(first: str, then: str) -> None:
    assert ORDER.index(first) < ORDER.index(then)
