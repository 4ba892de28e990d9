"""The device plugin that a stack installs is on the nodes of its pools, and has no more than it needs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from rendered_stack import RenderedStack, containers_of, planned_from, pod_of, raw_settings, rendered_plan

from components.gpu.device_plugins import NAMESPACE, SOCKETS
from planning.settings.controllers import Presence


def installing(**pools: dict[str, Any]) -> RenderedStack:
    """Stack `prod`, whose cluster brings no plugin, with `pools` changed."""
    raw = raw_settings("prod")
    raw["controllers"]["nvidia_device_plugin"] = Presence.INSTALL.value
    for name, changes in pools.items():
        raw["gpu_pools"][name.replace("_", "-")] |= changes
    return rendered_plan("prod", planned_from(raw))


@pytest.fixture(scope="module")
def prod() -> RenderedStack:
    return installing()


def test_every_pool_has_a_plugin_on_its_own_nodes_and_on_no_others(prod: RenderedStack) -> None:
    pools = {pool.name: pool for pool in prod.plan.pools}
    sets = {one.body["metadata"]["labels"]["app.kubernetes.io/instance"]: one.body for one in prod.of("DaemonSet")}
    assert set(sets) == set(pools)
    for name, body in sets.items():
        pod = body["spec"]["template"]["spec"]
        (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        wanted = {one["key"]: one["values"] for one in term["matchExpressions"]}
        assert wanted == {key: [value] for key, value in pools[name].labels.items()}
        tolerated = {(one["key"], one["effect"]) for one in pod.get("tolerations") or []}
        assert tolerated == {(taint.key, taint.effect) for taint in pools[name].taints}
    for one in prod.of("DaemonSet"):
        assert one.namespace == NAMESPACE


def test_the_plugin_can_write_to_the_kubelets_folder_and_do_nothing_else(prod: RenderedStack) -> None:
    for one in prod.of("DaemonSet"):
        pod = one.body["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert not any(pod.get(host) for host in ("hostNetwork", "hostPID", "hostIPC"))
        assert [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume] == [SOCKETS]
        (container,) = pod["containers"]
        security = container["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert not security.get("privileged")
        assert "@sha256:" in container["image"]
    (deny,) = [one for one in prod.of("NetworkPolicy") if one.namespace == NAMESPACE]
    assert deny.body["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_plugin_shares_a_gpu_among_as_many_pods_as_the_plan_counts_on() -> None:
    raw = raw_settings("prod")
    raw["controllers"]["nvidia_device_plugin"] = Presence.INSTALL.value
    raw["gpu_pools"]["a10g-spot"]["sharing"] = {"kind": "time-slicing", "pods": 2}
    raw["accept"].append({"rule": "TU938", "reason": "an example of sharing"})
    shared = rendered_plan("prod", planned_from(raw))
    configs = {
        one.body["metadata"]["labels"]["app.kubernetes.io/instance"]: yaml.safe_load(one.body["data"]["config.yaml"])
        for one in shared.of("ConfigMap")
        if one.namespace == NAMESPACE
    }
    assert "sharing" not in configs["a10g"]
    slicing = configs["a10g-spot"]["sharing"]["timeSlicing"]
    assert slicing["resources"] == [{"name": "nvidia.com/gpu", "replicas": 2}]
    assert slicing["failRequestsGreaterThanOne"] is True
    (pool,) = [pool for pool in shared.plan.pools if pool.name == "a10g-spot"]
    assert pool.slots == pool.gpus_per_node * 2


@pytest.fixture(scope="module")
def by_mps() -> RenderedStack:
    raw = raw_settings("prod")
    raw["gpu_pools"]["a10g-spot"]["sharing"] = {"kind": "mps", "pods": 2}
    raw["accept"].append({"rule": "TU938", "reason": "an example of sharing"})
    return rendered_plan("prod", planned_from(raw))


def test_mps_has_its_control_daemon_beside_the_plugin_on_the_pool_that_shares_so(by_mps: RenderedStack) -> None:
    sets = {one.name: one.body["spec"]["template"]["spec"] for one in by_mps.of("DaemonSet")}
    assert set(sets) == {
        "nvidia-device-plugin-a10g",
        "nvidia-device-plugin-a10g-spot",
        "nvidia-mps-control-daemon-a10g-spot",
    }
    plugin, daemon = sets["nvidia-device-plugin-a10g-spot"], sets["nvidia-mps-control-daemon-a10g-spot"]
    for same in ("affinity", "tolerations", "priorityClassName"):
        assert plugin[same] == daemon[same]
    config = next(volume for volume in plugin["volumes"] if volume["name"] == "config")
    assert config in daemon["volumes"], "both read one file"
    for pod in (plugin, daemon):
        paths = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert (paths["mps-root"], mounts["mps-root"]) == ("/run/nvidia/mps", "/mps")
        assert (paths["mps-shm"], mounts["mps-shm"]) == ("/run/nvidia/mps/shm", "/dev/shm")
    assert daemon["hostPID"] is True
    assert daemon["automountServiceAccountToken"] is False
    assert not any(daemon.get(host) for host in ("hostNetwork", "hostIPC"))
    assert "privileged" not in plugin["containers"][0]["securityContext"]


def test_the_plugin_and_the_daemon_are_told_the_same_share(by_mps: RenderedStack) -> None:
    (config,) = [one for one in by_mps.of("ConfigMap") if one.name == "nvidia-device-plugin-a10g-spot"]
    said = yaml.safe_load(config.body["data"]["config.yaml"])
    assert said["flags"]["mpsRoot"] == "/run/nvidia/mps"
    assert said["sharing"] == {
        "mps": {"failRequestsGreaterThanOne": True, "resources": [{"name": "nvidia.com/gpu", "replicas": 2}]}
    }


def test_a_pod_that_shares_by_mps_leaves_the_shared_memory_to_the_daemon(by_mps: RenderedStack) -> None:
    for _, lane, deployment in by_mps.lanes():
        pod = pod_of(deployment)
        own = [
            mount
            for container in containers_of(deployment)
            for mount in container["volumeMounts"]
            if mount["mountPath"] == "/dev/shm"
        ]
        assert bool(own) is (lane.lane.name == "floor")
        assert ("shared-memory" in {volume["name"] for volume in pod["volumes"]}) is (lane.lane.name == "floor")
        assert not pod.get("hostIPC")


def test_a_changed_configuration_is_a_rollout() -> None:
    def digests(stack: RenderedStack) -> set[str]:
        return {
            one.body["spec"]["template"]["metadata"]["annotations"]["tritonup/config-digest"]
            for one in stack.of("DaemonSet")
        }

    raw = raw_settings("prod")
    raw["controllers"]["nvidia_device_plugin"] = Presence.INSTALL.value
    raw["gpu_pools"]["a10g-spot"]["sharing"] = {"kind": "time-slicing", "pods": 3}
    raw["accept"].append({"rule": "TU938", "reason": "an example of sharing"})
    assert len(digests(rendered_plan("prod", planned_from(raw)))) == 2
    assert len(digests(installing())) == 1


def test_nothing_is_installed_where_the_cluster_has_one() -> None:
    raw = raw_settings("prod")
    raw["controllers"]["nvidia_device_plugin"] = Presence.PRESENT.value
    assert planned_from(raw).device_plugins == ()
