"""What holds of every serving pod: what it may do, what it is given, how it starts and how it leaves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from pod_security import violations
from rendered_stack import RenderedStack, container_of, containers_of, pod_of

from planning.pools import GPU_RESOURCE
from planning.settings.quantities import Memory

BY_DIGEST = re.compile(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
PACKED_HERE = re.compile(r"localhost/tritonup-(triton-cpu:[0-9]{2}\.[0-9]{2}|proxy:bookworm)")

Change = Callable[[dict[str, Any]], object]


def test_every_pod_is_admitted_under_the_restricted_standard(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        template = deployment.body["spec"]["template"]
        assert violations(template["metadata"], template["spec"]) == [], deployment.name


@pytest.mark.parametrize(
    ("loosen", "field"),
    [
        (lambda pod: pod.update(hostNetwork=True), "hostNetwork"),
        (lambda pod: pod["volumes"].append({"name": "node", "hostPath": {"path": "/"}}), "volumes[node]"),
        (lambda pod: pod["volumes"].append({"name": "nfs", "nfs": {"server": "a", "path": "/"}}), "volumes[nfs]"),
        (lambda pod: pod["securityContext"].update(runAsUser=0), "securityContext.runAsUser"),
        (lambda pod: _drop(pod["containers"][0]["securityContext"], "allowPrivilegeEscalation"), "allowPrivilege"),
        (lambda pod: pod["containers"][0]["securityContext"].update(runAsNonRoot=False), "runAsNonRoot"),
        (lambda pod: pod["containers"][0]["securityContext"].update(privileged=True), "privileged"),
        (lambda pod: pod["containers"][0]["securityContext"]["capabilities"].update(drop=[]), "capabilities.drop"),
        (lambda pod: pod["containers"][0]["securityContext"]["capabilities"].update(add=["SYS_PTRACE"]), "s.add"),
        (lambda pod: pod["containers"][0]["securityContext"]["seccompProfile"].update(type="Unconfined"), "seccomp"),
        (lambda pod: pod["containers"][0]["ports"][0].update(hostPort=8000), "hostPort"),
        (lambda pod: pod["containers"][0]["livenessProbe"]["httpGet"].update(host="10.0.0.1"), "livenessProbe"),
    ],
)
def test_a_pod_that_is_loosened_would_be_noticed(stack: RenderedStack, loosen: Change, field: str) -> None:
    template = deepcopy(dict(stack.of("Deployment")[0].body["spec"]["template"]))
    loosen(template["spec"])
    (found,) = violations(template["metadata"], template["spec"])
    assert field in found


def _drop(mapping: dict[str, Any], key: str) -> None:
    del mapping[key]


def test_no_pod_can_write_to_its_image(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        for container in containers_of(deployment.body):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_no_pod_holds_a_token_of_the_api_server(stack: RenderedStack) -> None:
    accounts = {account.name: account.body for account in stack.of("ServiceAccount")}
    for account in accounts.values():
        assert account["automountServiceAccountToken"] is False
    for deployment in stack.of("Deployment"):
        pod = pod_of(deployment.body)
        assert pod["automountServiceAccountToken"] is False
        # Its own account, never `default`, which others may have given rights to.
        assert pod["serviceAccountName"] in accounts


def test_every_image_is_named_by_its_digest_alone(stack: RenderedStack) -> None:
    local = stack.plan.settings.cluster.kind == "local"
    for deployment in stack.of("Deployment"):
        for container in containers_of(deployment.body):
            image = container["image"]
            # What this machine packs for itself has no digest before it is packed.
            assert BY_DIGEST.fullmatch(image) or (local and PACKED_HERE.fullmatch(image)), image


def test_requests_equal_limits_so_that_pods_are_guaranteed(stack: RenderedStack) -> None:
    for server, _, deployment in stack.lanes():
        for container in containers_of(deployment):
            resources = container["resources"]
            assert resources["requests"] == resources["limits"]
            assert {"cpu", "memory", "ephemeral-storage"} <= set(resources["limits"])
            gpus = server.gpus if container is container_of(deployment) else 0
            assert resources["limits"].get(GPU_RESOURCE) == (str(gpus) if gpus else None)


def test_shared_memory_is_memory_and_counted_inside_the_limit(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        volumes = {volume["name"]: volume for volume in pod_of(deployment.body)["volumes"]}
        container = container_of(deployment.body)
        (mount,) = [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/dev/shm"]
        directory = volumes[mount["name"]]["emptyDir"]
        assert directory["medium"] == "Memory"
        assert 0 < _bytes(directory["sizeLimit"]) < _bytes(container["resources"]["limits"]["memory"])


def test_what_a_pod_writes_to_disk_fits_its_limit(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        on_disk = [
            volume["emptyDir"]
            for volume in pod_of(deployment.body)["volumes"]
            if "emptyDir" in volume and volume["emptyDir"].get("medium") != "Memory"
        ]
        assert on_disk
        # The kubelet counts a pod's volumes and logs against the sum of its containers' limits.
        limits = [one["resources"]["limits"]["ephemeral-storage"] for one in containers_of(deployment.body)]
        assert sum(_bytes(directory["sizeLimit"]) for directory in on_disk) < sum(map(_bytes, limits))


def test_only_what_goes_with_the_pod_is_mounted_to_be_written(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        volumes = {volume["name"]: volume for volume in pod_of(deployment.body)["volumes"]}
        for container in containers_of(deployment.body):
            for mount in container["volumeMounts"]:
                if mount.get("readOnly") is not True:
                    assert "emptyDir" in volumes[mount["name"]]
                    assert mount["mountPath"] in ("/dev/shm", "/tmp")
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["readOnly"] is True


def test_probes_and_services_name_ports_that_the_container_has(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        container = container_of(deployment.body)
        ports = {port["name"]: port["containerPort"] for one in containers_of(deployment.body) for port in one["ports"]}
        # Triton's probes ask Triton itself.
        own = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert own == {"http-triton": 8080, "grpc-triton": 8081, "metrics": 8002}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] == "http-triton"
        for service in stack.of("Service"):
            for port in service.body["spec"]["ports"]:
                assert port["targetPort"] in ports
                # Callers see Triton's usual ports, whatever stands before them.
                assert port["port"] == ports[port["name"]]


def test_a_pod_is_not_killed_for_being_busy_or_while_it_loads(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        container = container_of(deployment.body)
        starting, ready, live = (container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe"))
        assert starting["failureThreshold"] * starting["periodSeconds"] >= 60
        assert ready["failureThreshold"] * ready["periodSeconds"] < live["failureThreshold"] * live["periodSeconds"]
        # Ready and live are different questions: a pod that is out of traffic is not one to be restarted.
        assert ready["httpGet"]["path"] != live["httpGet"]["path"]


def test_every_clock_outlasts_the_start(stack: RenderedStack) -> None:
    for server, lane, deployment in stack.lanes():
        starting = container_of(deployment)["startupProbe"]
        deadline = deployment["spec"]["progressDeadlineSeconds"]
        assert deadline > starting["failureThreshold"] * starting["periodSeconds"]
        boots = [pool.boot_seconds.value for pool in lane.lane.pools] or [0]
        assert deadline > max(boots) + server.startup.budget.value
        assert lane.patience.pulumi_timeout.value >= deadline


def test_a_pod_leaves_inside_its_grace_period(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        pod, container = pod_of(deployment.body), container_of(deployment.body)
        flags = dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])
        pre_stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        exit_timeout = int(flags["exit-timeout-secs"])
        assert pre_stop > 0
        assert pre_stop + exit_timeout <= pod["terminationGracePeriodSeconds"]


def test_clients_come_through_the_proxy_whose_configuration_the_rollout_follows(stack: RenderedStack) -> None:
    configs = {config.name: config.body["data"] for config in stack.of("ConfigMap")}
    for server, _, deployment in stack.lanes():
        pod = pod_of(deployment)
        (proxy,) = pod["initContainers"]
        assert proxy["restartPolicy"] == "Always"
        assert {port["name"]: port["containerPort"] for port in proxy["ports"]} == {"http": 8000, "grpc": 8001}
        (volume,) = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
        files = configs[volume]
        assert proxy["command"][-1].rpartition("/")[2] in files
        text = files["nginx.conf"]
        assert f"keepalive_time {server.drain.connection_age.value}s;" in text
        # Connections have moved on before Triton stops taking requests.
        assert server.drain.connection_age.value < container_of(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        assert (
            deployment["spec"]["template"]["metadata"]["annotations"]["tritonup/proxy-config-digest"]
            == f"sha256:{digest}"
        )


def test_a_pod_has_left_before_its_node_is_reclaimed(stack: RenderedStack) -> None:
    for _, lane, deployment in stack.lanes():
        for pool in lane.lane.pools:
            if pool.notice is not None:
                assert pod_of(deployment)["terminationGracePeriodSeconds"] < pool.notice.seconds


def test_pods_are_sent_only_to_nodes_by_labels_that_their_pools_declare(stack: RenderedStack) -> None:
    pools = {pool.name: pool for pool in stack.plan.pools}
    for _, lane, deployment in stack.lanes():
        affinity = pod_of(deployment).get("affinity")
        if not lane.lane.pools:
            assert affinity is None
            continue
        assert set(affinity) == {"nodeAffinity"}
        (kind,) = affinity["nodeAffinity"]
        assert kind == "requiredDuringSchedulingIgnoredDuringExecution"
        terms = affinity["nodeAffinity"][kind]["nodeSelectorTerms"]
        # A term for each pool, each true of that pool's nodes and of no other pool's.
        reached = [[name for name, pool in pools.items() if _admits(term, pool.labels)] for term in terms]
        assert reached == [[pool.name] for pool in lane.lane.pools]
        declared = {key for pool in lane.lane.pools for key in pool.labels}
        assert {e["key"] for term in terms for e in term["matchExpressions"]} == declared


def _admits(term: dict[str, Any], labels: Any) -> bool:
    assert set(term) == {"matchExpressions"}
    assert term["matchExpressions"]  # an empty term selects nothing
    assert all(expression["operator"] == "In" for expression in term["matchExpressions"])
    return all(labels.get(expression["key"]) in expression["values"] for expression in term["matchExpressions"])


def test_pods_tolerate_exactly_the_taints_of_their_pools(stack: RenderedStack) -> None:
    for _, lane, deployment in stack.lanes():
        tolerations = pod_of(deployment).get("tolerations") or []
        taints = {(taint.key, taint.value, taint.effect) for pool in lane.lane.pools for taint in pool.taints}
        assert {(one["key"], one.get("value", ""), one["effect"]) for one in tolerations} == taints
        assert all((one["operator"] == "Equal") == bool(one.get("value")) for one in tolerations)


def test_lanes_of_a_server_stand_on_their_own_kind_of_capacity(stack: RenderedStack) -> None:
    for _, lane, _ in stack.lanes():
        assert {pool.capacity for pool in lane.lane.pools} <= {lane.lane.capacity}


def test_serving_pods_yield_to_nothing_but_the_cluster_itself(stack: RenderedStack) -> None:
    (priority,) = stack.of("PriorityClass")
    assert 0 < priority.body["value"] < 1_000_000_000  # what is above is the system's
    assert priority.body["globalDefault"] is False
    for deployment in stack.of("Deployment"):
        assert pod_of(deployment.body)["priorityClassName"] == priority.name


def test_a_pod_sees_nothing_of_other_services_in_its_environment(stack: RenderedStack) -> None:
    for deployment in stack.of("Deployment"):
        assert pod_of(deployment.body)["enableServiceLinks"] is False


def test_a_change_of_the_served_models_rolls_the_pods(stack: RenderedStack) -> None:
    for server, _, deployment in stack.lanes():
        template = deployment["spec"]["template"]
        assert template["metadata"]["annotations"]["tritonup/models-digest"] == f"sha256:{server.served.digest}"


def _bytes(quantity: str) -> int:
    return Memory.parse(quantity).bytes
