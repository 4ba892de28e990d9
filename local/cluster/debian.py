"""Programs of Debian packages, unpacked into a folder of the project: nothing of the system changes.

`apt-get download` fetches and checks them by the signatures that this machine trusts, `dpkg` unpacks them. What they
link to beyond the C library travels with them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local.cluster.errors import ClusterError
from local.cluster.layout import Layout, content_key
from local.cluster.progress import Progress

NODE_PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "nftables",
    "iptables",
    "ipset",
    "libnftables1",
    "libnftnl11",
    "libmnl0",
    "libipset13",
    "libjansson4",
    "libxtables12",
    "libedit2",
    "libbsd0",
    "libseccomp2",
)
"""What a node runs beside the kubelet, with the libraries that a small machine may lack."""

INSTEAD = (
    "Use a cluster that you have: TRITONUP_KUBECONFIG=PATH make up. Without any cluster, `make serve` runs the servers"
    " as processes."
)


class DebianTree:
    """An unpacked set of packages."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def program(self, name: str) -> Path:
        for folder in ("usr/bin", "usr/sbin", "bin", "sbin"):
            if (found := self.root / folder / name).exists():
                return found
        raise ClusterError(
            f"The Debian packages in {self.root} have no program {name!r}. Remove that folder and retry."
        )

    @property
    def cni(self) -> Path:
        return self.root / "usr" / "lib" / "cni"

    @property
    def programs(self) -> str:
        """For PATH."""
        return ":".join(str(self.root / folder) for folder in ("usr/sbin", "usr/bin", "sbin"))

    @property
    def libraries(self) -> str:
        """For LD_LIBRARY_PATH."""
        return ":".join(str(folder) for folder in sorted(self.root.glob("usr/lib/*-linux-gnu")))

    @property
    def xtables(self) -> str:
        """For XTABLES_LIBDIR: what iptables loads for each kind of rule."""
        return ":".join(str(folder) for folder in sorted(self.root.glob("usr/lib/*-linux-gnu/xtables")))


def node_tree(layout: Layout, progress: Progress) -> DebianTree:
    """The packages that a node needs, fetched once."""
    root = layout.tools / "debian" / content_key(" ".join(NODE_PACKAGES).encode())
    if not root.exists():
        with progress.step("getting containerd, runc and the network plugins from Debian into .tools/debian"):
            unpack(fetch(NODE_PACKAGES, root.with_name(root.name + ".debs")), root)
            shutil.rmtree(root.with_name(root.name + ".debs"))
    return DebianTree(root)


def fetch(packages: Sequence[str], into: Path) -> list[Path]:
    """The packages' archives, by the sources that this machine has."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise ClusterError(
            "containerd, runc and the network plugins come from Debian packages, and this machine has no apt-get and"
            f" dpkg. {INSTEAD}"
        )
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    told = _download(packages, into)
    if told.returncode != 0:
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)  # noqa: S607
        told = _download(packages, into)
    if told.returncode != 0:
        raise ClusterError(f"Debian packages cannot be had: {told.stderr.strip()}. {INSTEAD}")
    return sorted(into.glob("*.deb"))


def unpack(archives: Sequence[Path], root: Path) -> None:
    """Unpack them into `root`, which appears whole or not at all."""
    unfinished = root.with_name(f"{root.name}.{os.getpid()}")
    for archive in archives:
        told = subprocess.run(  # noqa: S603
            ["dpkg", "-x", str(archive), str(unfinished)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise ClusterError(f"{archive.name} cannot be unpacked: {told.stderr.strip()}")
    unfinished.rename(root)


def closure(packages: Sequence[str]) -> list[str]:
    """`packages` and all that they depend on, as `name=version`, for a machine on which nothing is installed."""
    if not shutil.which("apt-get"):
        raise ClusterError(f"{' '.join(packages)} come from Debian, and this machine has no apt-get.")
    told = _simulate(packages)
    if told.returncode != 0:
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)  # noqa: S607
        told = _simulate(packages)
    if told.returncode != 0:
        raise ClusterError(f"Debian cannot say what {' '.join(packages)} need: {told.stderr.strip()}")
    return sorted(
        {f"{name}={version}" for name, version in re.findall(r"^Inst (\S+) \((\S+) ", told.stdout, re.MULTILINE)}
    )


def _simulate(packages: Sequence[str]) -> subprocess.CompletedProcess[str]:
    options = ("--simulate", "--no-install-recommends", "-o", "Dir::State::status=/dev/null")
    return subprocess.run(  # noqa: S603
        ["apt-get", "install", *options, *packages],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )


def _download(packages: Sequence[str], into: Path) -> subprocess.CompletedProcess[str]:
    # As root apt would fetch as the user _apt, who may not write here.
    return subprocess.run(  # noqa: S603
        ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages],  # noqa: S607
        cwd=into,
        capture_output=True,
        text=True,
        check=False,
    )
