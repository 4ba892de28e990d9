"""Images in a node's own containerd."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from local.cluster.commands import run
from local.cluster.errors import ClusterError
from local.cluster.image_archive import PackedImage
from local.cluster.nodes import Parts, containerd_socket

NAMESPACE = "k8s.io"
"""The kubelet's, in containerd."""

LISTENS_WITHIN_S = 30.0


def import_everywhere(images: Sequence[PackedImage], nodes: Sequence[str], parts: Parts) -> None:
    """Bring `images` to all `nodes` at the same time."""
    with ThreadPoolExecutor() as pool:
        for bringing in [pool.submit(import_image, image, node, parts) for image in images for node in nodes]:
            bringing.result()


def import_image(image: PackedImage, node: str, parts: Parts) -> bool:
    """Bring `image` to the node under its name and its digest. Whether it was not there already."""
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while (listed := _ctr(parts, node, "images", "list", "--quiet")).returncode != 0:
        if time.monotonic() > deadline:
            raise ClusterError(f"containerd of node {node} does not answer: {listed.stderr.strip()}")
        time.sleep(0.1)
    there = set(listed.stdout.split())
    if {image.name, image.by_digest} <= there:
        return False
    base = image.name.rpartition(":")[0]
    told = _ctr(parts, node, "images", "import", "--digests", "--base-name", base, str(image.archive))
    if told.returncode != 0:
        raise ClusterError(f"{image.name} cannot be brought to node {node}: {told.stderr.strip()}")
    return True


def _ctr(parts: Parts, node: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    socket = containerd_socket(parts.layout, node)
    command = [str(parts.debian.program("ctr")), "--address", str(socket), "--namespace", NAMESPACE, *arguments]
    return run(command)
