"""What is put on the cluster: ours as the planner renders it, and each peer's settings in a Deployment of the same
server, model and resources.

What is the same for all, so that only the settings differ: the image, the model, two replicas, CPU and memory limits,
a preferred spread over the nodes (no peer asks for one; without it both replicas might stand on the drained node),
security fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.drain import model
from benchmarks.drain.facts import Fact, PodSettings, Probe, stated
from local.cluster.kubectl import Object
from local.cluster.layout import PROJECT
from planning.plan import Plan
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from stacks.planned import planned
from stacks.render import rendered

OURS = "tritonup"
STACK = "drain"

REPLICAS = 2
MOST_REPLICAS = 3
"""Before a scale-in."""

CPU = "400m"
"""Of each Triton, as limit: four pods that start at once must leave the two cores to the client and the servers."""

PEER_CPU_REQUEST = "100m"
"""All pods of all settings must fit on one node while the other is drained. Ours requests what it is limited to."""

MEMORY = "3584Mi"
PEER_MEMORY_REQUEST = "256Mi"

LATEST_PROBE_S = 5
"""Probes begin after this at the latest: AWS's charts wait 55 s and more, which delays how soon a successor serves and
not how a pod leaves. In their favour, and it saves the benchmark an hour."""

REPOSITORY = Path(".cache") / "drain" / "models"
"""From the project's folder. The planner reads it as any model repository."""

CONTAINER = "triton"

ONE_REPLICA = "TU321"
"""The rule that stack `local` asks not to be warned of, which does not apply to two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One of the settings, as it goes to the cluster. `http` and `grpc` are ports of `service`."""

    settings: PodSettings
    namespace: str
    deployment: str
    service: str
    http: int
    grpc: int
    objects: Sequence[Object]


def namespace_of(key: str) -> str:
    return f"drain-{key}"


def plan_ours() -> Plan:
    """Stack `local` with the sleeping model, two replicas, and all else as it stands."""
    document = yaml.safe_load((PROJECT / "Pulumi.local.yaml").read_text(encoding="utf-8"))
    raw: dict[str, Any] = document["config"]["tritonup:settings"]
    raw["namespace"] = namespace_of(OURS)
    raw["model_repository"]["directory"] = str(REPOSITORY)
    (server,) = raw["servers"].values()
    server["models"] = [model.NAME]
    server["replicas"] = {"floor": REPLICAS, "ceiling": REPLICAS}
    server["resources"] = {"cpu": CPU, "memory": MEMORY}
    raw["security"]["python_models"] = [model.NAME]
    raw["accept"] = [entry for entry in raw["accept"] if entry["rule"] != ONE_REPLICA]
    settings = read_settings(raw)
    if not isinstance(settings, Settings):
        raise ValueError(f"the benchmark's variant of stack local is refused: {settings}")
    plan = planned(settings, PROJECT)
    if plan.errors:
        raise ValueError(f"the benchmark's variant of stack local cannot be planned: {plan.errors}")
    return plan


def ours(plan: Plan) -> Deployed:
    """As rendered, nothing changed. Its settings are read from what was rendered."""
    objects = [manifest.body for manifest in rendered(plan, STACK)]
    (deployment,) = (body for body in objects if body["kind"] == "Deployment")
    service = next(
        body for body in objects if body["kind"] == "Service" and body["metadata"]["name"] == plan.servers[0].name
    )
    (budget,) = (body for body in objects if body["kind"] == "PodDisruptionBudget")
    ports = {port["name"]: int(port["port"]) for port in service["spec"]["ports"]}
    return Deployed(
        settings=_read(deployment, budget, 1000 * plan.servers[0].proxy.connection_age.value),
        namespace=plan.namespace,
        deployment=deployment["metadata"]["name"],
        service=service["metadata"]["name"],
        http=ports["http"],
        grpc=ports["grpc"],
        objects=objects,
    )


def peer(settings: PodSettings, *, image: str, models: Path) -> Deployed:
    """`models` is the model repository on every node."""
    namespace = namespace_of(settings.key)
    labels = {"app": settings.key}
    name = settings.key
    metadata: Object = {"name": name, "namespace": namespace, "labels": labels}
    objects: list[Object] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"drain": "peer"}}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": labels,
                "ports": [
                    {"name": "http", "port": settings.ports.http, "targetPort": "http"},
                    {"name": "grpc", "port": settings.ports.grpc, "targetPort": "grpc"},
                ],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": REPLICAS,
                "minReadySeconds": settings.min_ready_s.value,
                "selector": {"matchLabels": labels},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {
                        "maxSurge": _amount(settings.max_surge.value),
                        "maxUnavailable": _amount(settings.max_unavailable.value),
                    },
                },
                "template": {"metadata": {"labels": labels}, "spec": _pod(settings, labels, image, models)},
            },
        },
    ]
    if settings.budget.value is not None:
        objects.append(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": metadata,
                "spec": {"maxUnavailable": _amount(settings.budget.value), "selector": {"matchLabels": labels}},
            }
        )
    return Deployed(
        settings=settings,
        namespace=namespace,
        deployment=name,
        service=name,
        http=settings.ports.http,
        grpc=settings.ports.grpc,
        objects=objects,
    )


def _pod(settings: PodSettings, labels: Mapping[str, str], image: str, models: Path) -> Mapping[str, Any]:
    ports = settings.ports
    flags = [
        "--model-repository=/models",
        f"--http-port={ports.http}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-port={ports.metrics}",
        "--allow-gpu-metrics=false",
        f"--exit-timeout-secs={settings.exit_timeout_s.value}",
        *settings.flags,
    ]
    if settings.grpc_age_ms.value is not None:
        flags.append(f"--grpc-max-connection-age={settings.grpc_age_ms.value}")
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["tritonserver"],
        "args": flags,
        "env": [{"name": "HOME", "value": "/tmp"}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
        "ports": [
            {"name": "http", "containerPort": ports.http},
            {"name": "grpc", "containerPort": ports.grpc},
            {"name": "metrics", "containerPort": ports.metrics},
        ],
        "resources": {
            "requests": {"cpu": PEER_CPU_REQUEST, "memory": PEER_MEMORY_REQUEST},
            "limits": {"cpu": CPU, "memory": MEMORY},
        },
        "volumeMounts": [
            {"name": "models", "mountPath": "/models", "readOnly": True},
            {"name": "shm", "mountPath": "/dev/shm"},
        ],
    }
    if settings.pre_stop_s.value:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": settings.pre_stop_s.value}}}
    for name, probe in (
        ("readinessProbe", settings.readiness.value),
        ("livenessProbe", settings.liveness.value),
        ("startupProbe", settings.startup.value),
    ):
        if probe is not None:
            container[name] = _probe(probe)
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
        "matchLabelKeys": ["pod-template-hash"],
        "nodeTaintsPolicy": "Honor",
    }
    return {
        "terminationGracePeriodSeconds": settings.grace_s.value,
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
        "topologySpreadConstraints": [spread],
        "containers": [container],
        "volumes": [
            {"name": "models", "hostPath": {"path": str(models), "type": "Directory"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "640Mi"}},
        ],
    }


def _probe(probe: Probe) -> Mapping[str, Any]:
    ask = {"tcpSocket": {"port": "http"}} if probe.path is None else {"httpGet": {"path": probe.path, "port": "http"}}
    return {
        **ask,
        "initialDelaySeconds": min(probe.initial_delay_s, LATEST_PROBE_S),
        "periodSeconds": probe.period_s,
        "timeoutSeconds": probe.timeout_s,
        "failureThreshold": probe.failures,
    }


def _amount(text: str) -> str | int:
    """IntOrString: a percentage stays text."""
    return int(text) if text.isdigit() else text


def _read(deployment: Object, budget: Object, age_ms: int) -> PodSettings:
    """The settings of a rendered Deployment, so that the table says what ran. `age_ms` is the proxy's."""
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    triton = next(container for container in pod["containers"] if container["name"] == CONTAINER)
    arguments = {name: value for name, _, value in (argument.partition("=") for argument in triton["args"])}
    sidecars = [container["name"] for container in pod.get("initContainers", []) if container.get("restartPolicy")]
    rolling = spec["strategy"]["rollingUpdate"]
    return PodSettings(
        key=OURS,
        title=OURS,
        sources=(),
        replicas=stated(REPLICAS),
        grace_s=stated(int(pod["terminationGracePeriodSeconds"])),
        pre_stop_s=stated(int(triton["lifecycle"]["preStop"]["sleep"]["seconds"])),
        exit_timeout_s=stated(int(arguments["--exit-timeout-secs"])),
        grpc_age_ms=stated(age_ms),
        readiness=Fact(_read_probe(triton["readinessProbe"]), stated(0).by),
        liveness=stated(_read_probe(triton["livenessProbe"])),
        startup=stated(_read_probe(triton["startupProbe"])),
        max_surge=stated(str(rolling["maxSurge"])),
        max_unavailable=stated(str(rolling["maxUnavailable"])),
        min_ready_s=stated(int(spec.get("minReadySeconds", 0))),
        budget=stated(str(budget["spec"]["maxUnavailable"])),
        remarks=tuple(f"Sidecar: {name}." for name in sidecars),
    )


def _read_probe(body: Mapping[str, Any]) -> Probe:
    return Probe(
        path=body["httpGet"]["path"],
        initial_delay_s=int(body.get("initialDelaySeconds", 0)),
        period_s=int(body.get("periodSeconds", 10)),
        timeout_s=int(body.get("timeoutSeconds", 1)),
        failures=int(body.get("failureThreshold", 3)),
    )
