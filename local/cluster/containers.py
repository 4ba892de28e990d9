"""Images in a node's own containerd."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.cluster.commands import run
from local.cluster.debian import DebianTree
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
    return import_at(image, containerd_socket(parts.layout, node), parts.debian)


def import_at(image: PackedImage, socket: Path, debian: DebianTree) -> bool:
    """The same, to the containerd that listens at `socket`, or soon will."""
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while (listed := _ctr(debian, socket, "images", "list", "--quiet")).returncode != 0:
        if time.monotonic() > deadline:
            raise ClusterError(f"containerd at {socket} does not answer: {listed.stderr.strip()}")
        time.sleep(0.1)
    there = set(listed.stdout.split())
    if {image.name, image.by_digest} <= there:
        return False
    base = image.name.rpartition(":")[0]
    told = _ctr(debian, socket, "images", "import", "--digests", "--base-name", base, str(image.archive))
    if told.returncode != 0:
        raise ClusterError(f"{image.name} cannot be brought to {socket}: {told.stderr.strip()}")
    return True


def _ctr(debian: DebianTree, socket: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run([str(debian.program("ctr")), "--address", str(socket), "--namespace", NAMESPACE, *arguments])
