"""Nodes of GPU pools on a cluster of ours: real kubelets that say they have GPUs, and Triton's CPU build in their pods.

A GPU is nothing but a number in the node's status to everything that is tested with this: the scheduler, the kubelet's
admission, taints and the pods' leaving.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

from local.cluster.boot import Cluster, add_nodes, vanish
from local.cluster.image_archive import PackedImage
from local.cluster.kubectl import Kubectl, Object
from local.cluster.nodes import Node, Taint
from local.installed import RELEASE
from planning.catalogue.flags import known_flags
from planning.pools import GPU_RESOURCE, Pool


def give_gpus(kubectl: Kubectl, node: str, count: int | None) -> None:
    """As a device plugin would; None takes them back."""
    offers = {GPU_RESOURCE: None if count is None else str(count)}
    patch = json.dumps({"status": {"capacity": offers, "allocatable": offers}})
    kubectl.run("patch", "node", node, "--subresource=status", "--type=merge", f"--patch={patch}")


def join(cluster: Cluster, wanted: Sequence[tuple[str, Pool]], first_index: int) -> None:
    """A node of each name and pool, labelled and tainted as planned, joins and is Ready."""
    nodes = [_node(pool, name, index) for index, (name, pool) in enumerate(wanted, start=first_index)]
    add_nodes(cluster, nodes)
    for name, pool in wanted:
        give_gpus(cluster.kubectl, name, pool.slots)


def _node(pool: Pool, name: str, index: int) -> Node:
    zone = pool.zones[index % len(pool.zones)]
    taints = tuple(Taint(key=taint.key, value=taint.value, effect=taint.effect) for taint in pool.taints)
    return Node(name=name, index=index, labels={**pool.labels, "topology.kubernetes.io/zone": zone}, taints=taints)


def part(cluster: Cluster, name: str) -> None:
    """The node is no more, whatever is left of it."""
    vanish(cluster, name)
    cluster.kubectl.run("delete", "node", name, "--ignore-not-found")


def without_gpus(objects: Sequence[Object], *, triton: PackedImage, proxy: PackedImage) -> list[Object]:
    """`objects` with the images that this machine packed, each by its own digest, in the place of the published ones,
    and without the flags that are newer than that Triton."""
    known = known_flags(RELEASE)
    copied = [copy.deepcopy(dict(body)) for body in objects]
    for body in copied:
        if body["kind"] != "Deployment":
            continue
        pod = body["spec"]["template"]["spec"]
        (server,) = pod["containers"]
        server["image"] = triton.by_digest
        server["args"] = [flag for flag in server["args"] if flag.removeprefix("--").partition("=")[0] in known]
        for sidecar in pod["initContainers"]:
            assert sidecar["name"] == "proxy", sidecar["name"]
            sidecar["image"] = proxy.by_digest
    return copied
