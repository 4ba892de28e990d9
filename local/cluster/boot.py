"""The cluster as a whole: up, down, nodes that join and leave. Everything can be run again at any time."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from local.cluster import cgroups, control_plane, network, network_policies, nodes
from local.cluster.binaries import PROGRAMS, build
from local.cluster.certificates import Authority
from local.cluster.commands import unbroken
from local.cluster.debian import node_tree
from local.cluster.errors import ClusterError, full_disks_told
from local.cluster.image_archive import PackedImage
from local.cluster.kubeconfigs import write_kubeconfig
from local.cluster.kubectl import Kubectl
from local.cluster.layout import ADDRESSES, API_PORT, LAYOUT, MOUNT_POINTS, Layout, content_key
from local.cluster.lock import alone
from local.cluster.models import remove_places
from local.cluster.names import DNS, dns_image
from local.cluster.nodes import Node, Parts, Taint
from local.cluster.processes import ProcessId, process_id
from local.cluster.program_image import pause_image
from local.cluster.progress import Progress
from local.cluster.record import RunningNode, read_record, write_record
from local.cluster.requirements import require_machine
from local.cluster.unpacked_images import lend, unpacked_images
from local.cluster.workloads import objects, wait_for

ZONE = "topology.kubernetes.io/zone"

CONTROL = Node(
    name="control",
    index=1,
    control=True,
    labels={ZONE: "zone-a"},
    taints=(Taint(key="node-role.kubernetes.io/control-plane", value="", effect="NoSchedule"),),
)

WORKERS = (
    Node(name="node-a", index=2, labels={ZONE: "zone-a"}),
    Node(name="node-b", index=3, labels={ZONE: "zone-b"}),
)
"""Two, because a rolling update without a gap needs room for one pod more; each offers all that the machine has."""

READY_WITHIN_S = 120.0
"""Measured: 8 s on two idle cores; a machine that is busy building takes several times as long."""

POLL_S = 0.2

WATCHED_S = 5
"""At a time; between, whether the disk has room is looked at."""

CHANGING = "changing the cluster"

LEAST_FREE_BYTES = 100_000_000
"""Below, etcd cannot lay its log (64 MB at a time: SegmentSizeBytes, server/storage/wal/wal.go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that answers. `pause` is an image that every node has."""

    layout: Layout
    parts: Parts
    pause: PackedImage
    kubectl: Kubectl

    @property
    def kubeconfig(self) -> Path:
        return self.layout.kubeconfig

    def nodes(self) -> Sequence[RunningNode]:
        return read_record(self.layout).nodes


def up(progress: Progress, *, layout: Layout = LAYOUT, workers: Sequence[Node] = WORKERS) -> Cluster:
    """The cluster with its control node and `workers`. What runs already is left as it is; what was left by a run
    that was killed is removed first. ClusterError where it cannot be had, and then nothing of it is left."""
    require_machine(layout)
    with full_disks_told():
        programs = build(PROGRAMS, layout, progress)
        debian = node_tree(layout, progress)
        pause, coredns = pause_image(programs, layout), dns_image(programs, layout)
        images = unpacked_images(debian, layout, progress)
    with full_disks_told(), alone(CHANGING):
        if not _sound(layout):
            _remove(layout)
        fresh = not read_record(layout).nodes
        if fresh:
            network.require_free()
        try:
            layout.root.mkdir(parents=True, exist_ok=True)
            parts = Parts(
                layout=layout,
                programs=programs,
                debian=debian,
                authority=Authority(layout.certificates),
                pause_image=pause.name,
                images=images,
            )
            kubectl = Kubectl(program=programs["kubectl"], kubeconfig=layout.kubeconfig)
            cluster = Cluster(layout=layout, parts=parts, pause=pause, kubectl=kubectl)
            _make_mount_points(layout)
            network.make_bridge()
            with progress.step("starting the control plane") if fresh else contextlib.nullcontext():
                _join(cluster, CONTROL)
                _wait("the API server", lambda: _answers(kubectl), layout)
                kubectl.apply(*objects(DNS, coredns.name, CONTROL.name), *network_policies.network_policy_objects())
            with progress.step(f"starting {len(workers)} nodes") if fresh else contextlib.nullcontext():
                for worker in workers:
                    _join(cluster, worker)
                _wait_for_nodes(cluster, [CONTROL, *workers])
                wait_for(kubectl, DNS)
        except BaseException as ended:
            full = _full_disk(layout)
            if fresh:
                # Whoever presses Ctrl-C twice wants an end, not half of one.
                with unbroken():
                    _keep_logs(layout)
                    _remove(layout)
            if full and isinstance(ended, ClusterError):
                # Programs that find no room say many things; none of them is of use.
                raise ClusterError(full) from ended
            raise
    return cluster


def down(*, layout: Layout = LAYOUT) -> bool:
    """End the cluster and remove all that it made, whatever state it is in. Whether there was one."""
    there = layout.root.exists() or bool(network.ours())
    if there:
        with alone(CHANGING):
            _remove(layout)
    return there


def add_node(cluster: Cluster, node: Node) -> None:
    """A node joins, and is Ready."""
    add_nodes(cluster, [node])


def add_nodes(cluster: Cluster, joining: Sequence[Node]) -> None:
    """All of `joining` start at once, and are Ready."""
    with alone(CHANGING):
        for node in joining:
            _join(cluster, node)
        _wait_for_nodes(cluster, joining)


def vanish(cluster: Cluster, name: str) -> None:
    """The machine of the node is gone from one moment to the next, as at the end of a cloud's notice. Its object
    stays until somebody deletes it."""
    with alone(CHANGING):
        record = read_record(cluster.layout)
        if running := record.node(name):
            _end(running, cluster.layout)
            write_record(replace(record, nodes=tuple(one for one in record.nodes if one != running)), cluster.layout)


def _join(cluster: Cluster, node: Node) -> None:
    record = read_record(cluster.layout)
    parts, layout = cluster.parts, cluster.layout
    if (running := record.node(node.name)) and running.process.alive:
        return
    folder = layout.node(node.name)
    nodes.prepare_folder(node, parts)
    lend(parts.images, nodes.containerd_root(layout, node.name))
    network_policies.prepare_network_policies(node, parts)
    programs = [*nodes.node_programs(node, parts), *network_policies.network_policy_programs(node, parts)]
    if node.control:
        control_plane.prepare_control_plane(node, parts)
        programs = [*control_plane.control_programs(node, parts), *programs]
        admin = control_plane.ADMIN.name
        write_kubeconfig(layout.kubeconfig, authority=parts.authority, identity=admin, server=nodes.api_server_url())
    spec = {
        "name": node.name,
        "log": str(folder / "logs" / "node.log"),
        "mounts": nodes.mounts(node, layout),
        "sysctls": nodes.SYSCTLS,
        "programs": [
            {
                "name": program.name,
                "argv": program.argv,
                "env": dict(program.env),
                "log": str(folder / "logs" / f"{program.name}.log"),
                "after": program.after,
            }
            for program in programs
        ],
    }
    written = json.dumps(spec, indent=2)
    (folder / "node.json").write_text(written, encoding="utf-8")
    with _launched(folder / "node.json") as (process, go):
        pid = process.pid
        key = content_key(written.encode())
        entry = RunningNode(node=node, process=process, key=key)
        others = tuple(one for one in record.nodes if one.node.name != node.name)
        write_record(replace(record, nodes=(*others, entry)), layout)
        network.connect(pid, node.index)
        if node.control:
            network.route(ADDRESSES.services, node.address)
        for other in others:
            network.route_in(pid, ADDRESSES.pods_of(other.node.index), other.node.address)
            network.route_in(other.process.pid, ADDRESSES.pods_of(node.index), node.address)
        go()


@contextmanager
def _launched(spec: Path) -> Generator[tuple[ProcessId, Callable[[], None]]]:
    """The node's process, and what tells it that its network is there. Where the context fails it is ended; if this
    process dies before, it ends by itself."""
    node: ProcessId | None = None
    try:
        with unbroken():
            node, given = _launch(spec)

        def go() -> None:
            given.write(b"\n")
            given.close()

        yield node, go
    except BaseException:
        if node is not None:
            with unbroken():
                node.kill()
        raise


def _launch(spec: Path) -> tuple[ProcessId, IO[bytes]]:
    script = Path(__file__).with_name("node_process.py")
    with subprocess.Popen(  # noqa: S603  our own script
        [sys.executable, "-I", str(script), str(spec)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    ) as launcher:
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        assert launcher.stderr is not None
        # The node holds the other ends of all three.
        given = os.fdopen(os.dup(launcher.stdin.fileno()), "wb")
        told = launcher.stdout.readline()
        launcher.wait()
        node = process_id(int(told)) if told.strip() else None
        if node is None:
            given.close()
            raise ClusterError(f"A node cannot be started: {launcher.stderr.read().decode().strip()}")
    return node, given


def _wait_for_nodes(cluster: Cluster, wanted: Sequence[Node]) -> None:
    names = {node.name for node in wanted}

    def ready() -> bool:
        # It waits by a watch: a process for every look would take from what it looks at.
        waiting = ("wait", "--for=condition=Ready", f"--timeout={WATCHED_S}s", *(f"node/{name}" for name in names))
        return cluster.kubectl.attempt(*waiting).returncode == 0 and all(
            network_policies.enforced(running.process, cluster.parts)
            for running in cluster.nodes()
            if running.node.name in names
        )

    _wait(f"node {', '.join(sorted(names))}", ready, cluster.layout)


def _wait(what: str, there: Callable[[], bool], layout: Layout) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not there():
        if full := _full_disk(layout):
            raise ClusterError(full)
        if time.monotonic() > deadline:
            raise ClusterError(f"After {READY_WITHIN_S:.0f} s {what} is not ready. Logs: {FAILED_LOGS}.")
        time.sleep(POLL_S)


def _full_disk(layout: Layout) -> str | None:
    """What to say where the cluster's disk has no room left for it."""
    if not layout.root.exists() or (free := shutil.disk_usage(layout.root).free) >= LEAST_FREE_BYTES:
        return None
    return f"The disk is full: {layout.root} has {free / 1e6:.0f} MB left. Make room and run the command again."


def _answers(kubectl: Kubectl) -> bool:
    try:
        socket.create_connection((str(CONTROL.address), API_PORT), timeout=1).close()
    except OSError:
        return False
    # The system's priority classes are made last, and pods that name one are refused before.
    wanted = ("get", "priorityclass", "system-node-critical", "--request-timeout=2s", "--output=name")
    return kubectl.attempt(*wanted).returncode == 0


def _sound(layout: Layout) -> bool:
    """Whether all nodes of the record run and the API server answers; or there is no record of any."""
    if not layout.record.exists():
        return not layout.root.exists() and not network.ours()
    running = read_record(layout).nodes
    return bool(running) and all(one.process.alive for one in running) and layout.kubeconfig.exists()


def _remove(layout: Layout) -> None:
    record = read_record(layout)
    for running in record.nodes:
        _end(running, layout)
    network.remove(network.ours())
    cgroups.remove()
    remove_places(record.models)
    for folder in record.made_folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
    shutil.rmtree(layout.root, ignore_errors=True)
    if layout.root.exists():
        shutil.rmtree(layout.root)


def _end(running: RunningNode, layout: Layout) -> None:
    running.process.kill()
    network.remove([network.cable(running.node.index)])
    cgroups.remove(running.node.name)
    shutil.rmtree(layout.node(running.node.name), ignore_errors=True)


def _make_mount_points(layout: Layout) -> None:
    if missing := [folder for folder in MOUNT_POINTS if not folder.exists()]:
        record = read_record(layout)
        write_record(replace(record, made_folders=(*record.made_folders, *missing)), layout)
        for folder in missing:
            folder.mkdir(parents=True)


FAILED_LOGS = LAYOUT.cache / "failed-logs"


def _keep_logs(layout: Layout) -> None:
    shutil.rmtree(FAILED_LOGS, ignore_errors=True)
    for logs in layout.root.glob("nodes/*/logs"):
        # What cannot be kept, on a full disk for one, must not keep the rest from being removed.
        with contextlib.suppress(OSError):
            shutil.copytree(logs, FAILED_LOGS / logs.parent.name)
