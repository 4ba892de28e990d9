"""The cluster that the benchmark runs on: two worker nodes, the images, the model, and every setting's Deployment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.drain.deployments import REPLICAS, REPOSITORY, Deployed, ours, peer, plan_ours
from benchmarks.drain.facts import PodSettings
from benchmarks.drain.model import write_repository
from local.cluster.boot import WORKERS, Cluster, add_node, up
from local.cluster.containers import import_everywhere
from local.cluster.disruptions import pods_of, scale, uncordon
from local.cluster.errors import ClusterError
from local.cluster.image_archive import PackedImage
from local.cluster.kubectl import Object
from local.cluster.layout import LAYOUT, PROJECT
from local.cluster.models import place_models
from local.cluster.progress import Progress
from local.cluster.stack_images import pinned, stack_images
from local.cluster.triton_image import NAME as TRITON
from measuring.question import Question, read_question
from planning.server import PlannedServer
from planning.storage import NodePathSource

WHOLE_WITHIN_S = 300.0
"""Two rounds of a rollout on two busy cores take some 90 s."""

POLL_S = 1.0
"""A look at a Deployment is a process of kubectl, some 0.1 s of a core, of which the load must have most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    cluster: Cluster
    images: Sequence[PackedImage]
    question: Question

    def restore_nodes(self) -> None:
        """Both workers are there, may be scheduled to, and hold the images."""
        there = {running.node.name for running in self.cluster.nodes()}
        for node in WORKERS:
            if node.name not in there:
                add_node(self.cluster, node)
            uncordon(self.cluster.kubectl, node.name)
        import_everywhere(self.images, [node.name for node in WORKERS], self.cluster.parts)

    def bring_to(self, one: Deployed, replicas: int) -> None:
        scale(self.cluster.kubectl, one.namespace, one.deployment, replicas)

    def wait_until_whole(self, deployed: Sequence[Deployed], replicas: int) -> None:
        """Until each of `deployed` has so many ready pods of its newest template and no others."""
        left = list(deployed)

        def whole() -> bool:
            bodies = {
                body["metadata"]["namespace"]: body
                for body in self.cluster.kubectl.items("deployments", "--all-namespaces")
            }
            left[:] = [
                one
                for one in left
                if not _whole(bodies[one.namespace], replicas)
                or len(pods_of(self.cluster.kubectl, one.namespace, one.deployment)) != replicas
            ]
            return not left

        self._until(f"{replicas} replicas of all settings", whole)

    def spread(self, deployed: Sequence[Deployed]) -> None:
        """Where a setting's two pods stand on one node, one of them is made anew, without a load, at once."""
        crowded = [one for one in deployed if len(set(self.nodes_of(one).values())) < 2]
        for one in crowded:
            pod = next(iter(self.nodes_of(one)))
            self.cluster.kubectl.run(
                *("delete", "pod", pod, f"--namespace={one.namespace}", "--grace-period=1", "--wait=false")
            )
        if crowded:
            time.sleep(POLL_S)
            self.wait_until_whole(deployed, 2)
            self.spread(deployed)

    def nodes_of(self, one: Deployed) -> Mapping[str, str]:
        """The node of each pod, by the pod's name."""
        return {
            str(pod["metadata"]["name"]): str(pod["spec"].get("nodeName", ""))
            for pod in pods_of(self.cluster.kubectl, one.namespace, one.deployment)
        }

    def restarts_of(self, deployed: Sequence[Deployed]) -> Mapping[str, Mapping[str, int]]:
        """By setting: how often each container of each pod was started again."""
        pods = {one.settings.key: pods_of(self.cluster.kubectl, one.namespace, one.deployment) for one in deployed}
        return {
            key: {
                f"{pod['metadata']['uid']}/{status['name']}": int(status["restartCount"])
                for pod in found
                for listed in ("containerStatuses", "initContainerStatuses")
                for status in pod["status"].get(listed, [])
            }
            for key, found in pods.items()
        }

    def wait_until_restarted(self, deployed: Sequence[Deployed], before: Mapping[str, Mapping[str, int]]) -> None:
        """Until in each of `deployed` a container was started again since `before` was told by `restarts_of`."""
        self._until(
            "containers to be started again",
            lambda: all(told != before[key] for key, told in self.restarts_of(deployed).items()),
        )

    def address_of(self, one: Deployed) -> str:
        service = self.cluster.kubectl.get("service", one.service, f"--namespace={one.namespace}")
        return str(service["spec"]["clusterIP"])

    def _until(self, what: str, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WHOLE_WITHIN_S
        while not there():
            if time.monotonic() > deadline:
                pods = self.cluster.kubectl.attempt("get", "pods", "--all-namespaces", "--output=wide").stdout
                raise ClusterError(f"After {WHOLE_WITHIN_S:.0f} s of waiting for {what} it is not so:\n{pods}")
            time.sleep(POLL_S)


def raise_site(peers: Sequence[PodSettings], progress: Progress) -> tuple[Site, Sequence[Deployed]]:
    """The cluster with ours and `peers` on it, whole. What is there already stays."""
    model = write_repository(PROJECT / REPOSITORY)
    plan = plan_ours()
    (server,) = plan.servers
    cluster = up(progress)
    images = stack_images(LAYOUT, progress)
    site = Site(cluster=cluster, images=images, question=read_question(model))
    with progress.step("bringing images and the model"):
        site.restore_nodes()
        place_models(plan.servers, LAYOUT)
    models = _place_of(server)
    deployed = [ours(plan), *(peer(settings, image=TRITON, models=models) for settings in peers)]
    for one in deployed:
        # One after the other: eight servers that start at once on two cores time out.
        with progress.step(f"deploying {one.settings.title}"):
            _apply(cluster, [body for body in pinned(one.objects, images) if _usable(body)])
            site.wait_until_whole([one], REPLICAS)
    return site, deployed


def _apply(cluster: Cluster, objects: Sequence[Object]) -> None:
    """Over what `scale` has patched since."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl.run(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=drain-benchmark", "--filename=-"),
        stdin=json.dumps(listed),
    )


def _usable(body: Object) -> bool:
    """A PodMonitor's kind is not defined here, and nothing would read it."""
    return body["kind"] != "PodMonitor"


def _place_of(server: PlannedServer) -> Path:
    source = server.storage.source
    assert isinstance(source, NodePathSource)
    return Path(source.node_path) / server.name / server.served.digest


def _whole(body: Object, replicas: int) -> bool:
    status = body.get("status", {})
    return (
        status.get("observedGeneration", 0) >= body["metadata"]["generation"]
        and body["spec"].get("replicas", 1) == replicas
        and status.get("updatedReplicas", 0) == replicas
        and status.get("readyReplicas", 0) == replicas
        and status.get("replicas", 0) == replicas
    )
