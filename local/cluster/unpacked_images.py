"""Images as containerd keeps them, unpacked once and lent to every node.

Bringing Triton's image to a node takes some 14 s of a core (475 MB are hashed and written twice), and each node has a
containerd of its own. So one that runs for nothing else unpacks all that was packed; a node begins with a copy of its
two small databases, and with links to its blobs and layers. Nobody changes those: a container writes into a layer of
its own, and what a node removes is its link.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from local.cluster.commands import unbroken
from local.cluster.containers import import_at
from local.cluster.debian import DebianTree
from local.cluster.errors import ClusterError
from local.cluster.image_archive import PackedImage, read_packed
from local.cluster.layout import STATE, Layout, content_key
from local.cluster.lock import alone
from local.cluster.progress import Progress

CONTENT = Path("io.containerd.content.v1.content")
SNAPSHOTS = Path("io.containerd.snapshotter.v1.overlayfs")
COPIED = (Path("io.containerd.metadata.v1.bolt/meta.db"), SNAPSHOTS / "metadata.db")
LENT = (CONTENT / "blobs" / "sha256", SNAPSHOTS / "snapshots")
"""Below containerd's root: its databases, and the folders of which each entry is lent (docs/content-flow.md and
docs/snapshotters/README.md of containerd 1.6)."""

BUILDING = "tritonup-images-"
UNFINISHED = ".unfinished"
PR_SET_PDEATHSIG = 1
"""sys/prctl.h of Linux."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def unpacked_images(debian: DebianTree, layout: Layout, progress: Progress) -> Path:
    """A containerd's root with the newest of each image that was packed so far."""
    images = _packed(layout)
    key = content_key(debian.root.name.encode(), *sorted(f"{one.name}@{one.digest}".encode() for one in images))
    kept = layout.cache / "unpacked" / key
    if not kept.exists():
        with alone("unpacking images"), progress.step("unpacking the images, once for all nodes"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            for older in kept.parent.iterdir():
                # A cluster of ours that runs may have links into it.
                if older.suffix == UNFINISHED or not layout.root.exists():
                    shutil.rmtree(older)
            with _building() as folder:
                _unpack(images, folder, debian)
                # The cache may be on another disk: only a rename is at once.
                shutil.move(folder / "root", unfinished := kept.with_suffix(UNFINISHED))
                unfinished.rename(kept)
    return kept


def lend(unpacked: Path, root: Path) -> None:
    """A new node's containerd, whose root this is, begins with the images. What another left there is removed."""
    shutil.rmtree(root, ignore_errors=True)
    for database in COPIED:
        (root / database).parent.mkdir(parents=True)
        shutil.copy2(unpacked / database, root / database)
    for folder in LENT:
        (root / folder).mkdir(parents=True)
        for entry in (unpacked / folder).iterdir():
            (root / folder / entry.name).symlink_to(entry)


def _packed(layout: Layout) -> list[PackedImage]:
    archives = sorted((layout.cache / "images").glob("*.tar"), key=lambda archive: archive.stat().st_mtime)
    return list({image.name.rpartition(":")[0]: image for image in map(read_packed, archives)}.values())


@contextmanager
def _building() -> Generator[Path]:
    """On the disk of clusters, where overlays can be: layers are unpacked onto each other by them."""
    for left in STATE.parent.glob(f"{BUILDING}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=BUILDING, dir=STATE.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(images: Iterable[PackedImage], folder: Path, debian: DebianTree) -> None:
    socket, log = folder / "socket", folder / "log"
    config = folder / "containerd.toml"
    config.write_text(
        f"""version = 2
root = {json.dumps(str(folder / "root"))}
state = {json.dumps(str(folder / "state"))}
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = {json.dumps(str(socket))}
""",
        encoding="utf-8",
    )
    with log.open("wb") as into, unbroken():
        running = subprocess.Popen(  # noqa: S603  Debian's containerd
            [str(debian.program("containerd")), "--config", str(config)],
            env={"PATH": f"{debian.programs}:/usr/sbin:/usr/bin", "LD_LIBRARY_PATH": debian.libraries},
            stdin=subprocess.DEVNULL,
            stdout=into,
            stderr=into,
            start_new_session=True,
            # However this process ends, that one does not outlive it.
            preexec_fn=lambda: _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
    try:
        for image in images:
            import_at(image, socket, debian)
        running.terminate()
        if running.wait(30) not in (0, -signal.SIGTERM):
            raise ClusterError(f"containerd ended with {running.returncode}: {log.read_text(encoding='utf-8')[-500:]}")
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
