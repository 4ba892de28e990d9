"""Karpenter on a cluster of ours, which buys nodes that are objects and nothing more (tools/karpenter).

Karpenter and the scheduler are the real ones, and cannot tell. kwok plays the kubelets: it says that the nodes are
ready and their pods too, and lets pods go that are deleted. Both run beside the cluster as processes of this machine.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.cluster.binaries import BUYING_PROGRAMS, build
from local.cluster.definitions import OF_KARPENTER, establish
from local.cluster.errors import ClusterError
from local.cluster.go_runtime import GO_RUNTIME
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import Layout
from local.cluster.progress import Progress
from planning.catalogue.machines import Capacity, MachineType
from planning.catalogue.prices import price
from planning.pools import GPU_RESOURCE

METRICS_PORT, HEALTH_PORT = 18080, 18081
"""Of Karpenter, on this machine: two of them cannot run in one network."""

HOUSEKEPT = ("kwok.x-k8s.io/node", "fake")
"""The annotation of nodes that kwok plays the kubelet of, and its value."""

SPOT_SHARE = 0.4
"""Of the on-demand price, where the catalogue knows no spot price: 0.397 to 0.418 of 1.006 dollars for g5.xlarge in
us-east-1 (skypilot-catalog v7). It decides that spot is cheaper, and nothing is counted in it."""

READY_WITHIN_S = 90.0
ENDS_WITHIN_S = 10.0
POLL_S = 0.2


CLASS_GROUP, CLASS_KIND, CLASS_NAME = "karpenter.kwok.sh", "KWOKNodeClass", "any"

NOW = "{{ Now | Quote }}"


def _conditions(*types: str) -> str:
    """Of a status, all true, as a template of kwok's."""
    return "conditions:\n" + "".join(
        f'- {{type: {each}, status: "True", reason: Housekept, lastTransitionTime: {NOW}}}\n' for each in types
    )


STAGES: Sequence[Mapping[str, object]] = tuple(
    {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": list(selected)},
            "next": after,
        },
    }
    for name, kind, selected, after in (
        (
            "node-ready",
            "Node",
            [
                {
                    "key": '.status.conditions.[] | select( .type == "Ready" ) | .status',
                    "operator": "NotIn",
                    "values": ["True"],
                }
            ],
            {"statusTemplate": _conditions("Ready")},
        ),
        (
            "pod-ready",
            "Pod",
            [
                {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
                {"key": ".status.phase", "operator": "In", "values": ["Pending"]},
            ],
            {"statusTemplate": f"phase: Running\n{_conditions('Initialized', 'ContainersReady', 'Ready')}"},
        ),
        (
            "pod-gone",
            "Pod",
            [{"key": ".metadata.deletionTimestamp", "operator": "Exists"}],
            {"delete": True},
        ),
    )
)
"""What kwok does (kwok.sigs.k8s.io, "Stages"): nodes are ready at once and stay so, pods on them too, and whatever is
deleted is gone at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What the cloud does. `gpu_after_s`: from a node's first sight until its GPU can be allocated, negative: never.
    `out_of_stock`: ways of buying, `spot` or `on-demand`. `repair_after_s`: how long a failed GPU is borne. `taint`: a
    key that new nodes carry of which their NodePool says nothing."""

    gpu_after_s: float = 0.0
    out_of_stock: Sequence[str] = ()
    repair_after_s: float = 600.0
    taint: str | None = None


class Buying:
    """Karpenter, while it runs."""

    def __init__(self, said: Path) -> None:
        self._said = said

    def offer(self, offers: Offers) -> None:
        """The cloud is so from now on."""
        unfinished = self._said.with_suffix(".new")
        unfinished.write_text(json.dumps({**asdict(offers), "taint": offers.taint or ""}), encoding="utf-8")
        unfinished.rename(self._said)

    def bought(self) -> int:
        """Nodes that Karpenter has ever asked the cloud for, by its own count (karpenter_nodeclaims_created_total)."""
        with urllib.request.urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        counts = re.findall(r"^karpenter_nodeclaims_created_total\{[^}]*\} (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, counts)))


def node_class(after_s: int = 0) -> Object:
    """What nodes of `of_kwok` are of: each is there so long after it was bought."""
    return {
        "apiVersion": f"{CLASS_GROUP}/v1alpha1",
        "kind": CLASS_KIND,
        "metadata": {"name": CLASS_NAME},
        "spec": {"nodeRegistrationDelay": f"{after_s}s"},
    }


def of_kwok(node_pool: Object) -> dict[str, Any]:
    """A NodePool of the same, of nodes that kwok has instead of a cloud."""
    copied = copy.deepcopy(dict(node_pool))
    copied["spec"]["template"]["spec"]["nodeClassRef"] = {
        "group": CLASS_GROUP,
        "kind": CLASS_KIND,
        "name": CLASS_NAME,
    }
    return copied


@contextmanager
def karpenter(
    kubectl: Kubectl,
    machines: Iterable[tuple[MachineType, Sequence[str]]],
    region: str,
    folder: Path,
    layout: Layout,
    progress: Progress,
) -> Generator[Buying]:
    """Karpenter runs while the context lasts, and can buy `machines`, each in the zones beside it, at the catalogue's
    prices of `region`. `folder` gets its logs. It repairs nodes, which is a feature that one switches on."""
    programs = build(BUYING_PROGRAMS, layout, progress)
    for definition in OF_KARPENTER:
        establish(definition, kubectl, layout, progress)
    folder.mkdir(parents=True, exist_ok=True)
    types, said = folder / "machines.json", folder / "cloud.json"
    types.write_text(json.dumps(_types(machines, region)), encoding="utf-8")
    stages = folder / "stages.yaml"
    stages.write_text("\n---\n".join(json.dumps(stage) for stage in STAGES), encoding="utf-8")
    buying = Buying(said)
    buying.offer(Offers())
    environment = {
        "INSTANCE_TYPES_FILE_PATH": str(types),
        "CLOUD_FILE": str(said),
        "METRICS_PORT": str(METRICS_PORT),
        "HEALTH_PROBE_PORT": str(HEALTH_PORT),
        "DISABLE_LEADER_ELECTION": "true",
        "FEATURE_GATES": "NodeRepair=true",
    }
    key, value = HOUSEKEPT
    housekeeper = [
        str(programs["kwok"]),
        f"--kubeconfig={kubectl.kubeconfig}",
        f"--manage-nodes-with-annotation-selector={key}={value}",
        "--node-lease-duration-seconds=40",
        f"--config={stages}",
    ]
    with (
        progress.step("starting Karpenter"),
        ExitStack() as running,
    ):
        logs = [folder / "kwok.log", folder / "karpenter.log"]
        commands: list[tuple[list[str], dict[str, str]]] = [
            (housekeeper, {}),
            ([str(programs["karpenter"])], environment),
        ]
        processes = [
            running.enter_context(_running(command, env, kubectl, log))
            for (command, env), log in zip(commands, logs, strict=True)
        ]
        _wait(processes, logs)
        ends = running.pop_all()
    with ends:
        yield buying


def _types(machines: Iterable[tuple[MachineType, Sequence[str]]], region: str) -> list[Mapping[str, object]]:
    """As the kwok provider reads them (sigs.k8s.io/karpenter kwok/cloudprovider/helpers.go, InstanceTypeOptions)."""
    return [
        {
            "name": machine.name,
            "architecture": "amd64",
            "operatingSystems": ["linux"],
            "resources": {
                "cpu": str(machine.vcpus),
                "memory": str(machine.memory_bytes),
                "ephemeral-storage": "100Gi",
                "pods": str(machine.max_pods),
                GPU_RESOURCE: str(machine.gpus),
            },
            "offerings": [
                {
                    "Price": usd,
                    "Available": True,
                    "Requirements": [
                        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": [capacity]},
                        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]},
                    ],
                }
                for capacity in machine.capacities
                for usd in [_usd(machine, region, capacity)]
                for zone in zones
            ],
        }
        for machine, zones in machines
    ]


def _usd(machine: MachineType, region: str, capacity: Capacity) -> float:
    """For an hour. ClusterError where not even the on-demand price is known."""
    if (known := price(machine, region, capacity)) is not None:
        return float(known.usd_per_hour)
    if capacity == "spot" and (on_demand := price(machine, region, "on-demand")) is not None:
        return SPOT_SHARE * float(on_demand.usd_per_hour)
    raise ClusterError(f"The catalogue knows no price of {machine.name} in {region}.")


@contextmanager
def _running(
    command: Sequence[str], environment: Mapping[str, str], kubectl: Kubectl, log: Path
) -> Generator[subprocess.Popen[bytes]]:
    with log.open("wb") as into:
        process = subprocess.Popen(  # noqa: S603  programs that we built
            list(command),
            env={**os.environ, **GO_RUNTIME, **environment, "KUBECONFIG": str(kubectl.kubeconfig)},
            stdin=subprocess.DEVNULL,
            stdout=into,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(processes: Sequence[subprocess.Popen[bytes]], logs: Sequence[Path]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while all(process.poll() is None for process in processes) and time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{HEALTH_PORT}/readyz", timeout=5):
            return
        time.sleep(POLL_S)
    said = "\n".join(
        line for log in logs for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    )
    raise ClusterError(f"Karpenter is not ready after {READY_WITHIN_S:.0f} s: {said}")
