"""The cluster's programs, built from the Go modules that `tools/*/go.mod` pin, kept by what they were made from.

What makes up Kubernetes is in one module, CoreDNS of the version that Kubernetes 1.35 comes with (kubeadm,
`CoreDNSVersion`): what they share, clients of etcd and of the API server for the most part, is compiled once.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.cluster.errors import ClusterError
from local.cluster.golang import find_go
from local.cluster.layout import PROJECT, Layout, content_key
from local.cluster.progress import Progress

MANIFESTS = PROJECT / "tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`package` is what is built, in the module of `tools/<manifest>`; `versioned_by` names the module whose version
    the program reports; `tags` are Go's build tags."""

    name: str
    manifest: str
    package: str
    versioned_by: str | None = None
    tags: tuple[str, ...] = ()


def _kubernetes(name: str) -> Program:
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Program(name=name, manifest="kubernetes", package=package, versioned_by="k8s.io/kubernetes")


ETCD = Program(name="etcd", manifest="kubernetes", package="go.etcd.io/etcd/server/v3")
API_SERVER = _kubernetes("kube-apiserver")
CONTROLLER_MANAGER = _kubernetes("kube-controller-manager")
SCHEDULER = _kubernetes("kube-scheduler")
KUBELET = _kubernetes("kubelet")
PROXY = _kubernetes("kube-proxy")
KUBECTL = _kubernetes("kubectl")
PAUSE = Program(name="pause", manifest="pause", package=".")
COREDNS = Program(name="coredns", manifest="kubernetes", package="./coredns")
NETWORK_POLICIES = Program(name="kube-router", manifest="kubernetes", package="./kube-router")
PROMETHEUS = Program(
    name="prometheus",
    manifest="metrics",
    package="github.com/prometheus/prometheus/cmd/prometheus",
    # Every other way to find targets links a cloud's client (plugins/ of Prometheus).
    tags=("remove_all_sd", "enable_kubernetes_sd"),
)
ADAPTER = Program(name="prometheus-adapter", manifest="metrics", package=".")
METRICS_SERVER = Program(
    name="metrics-server", manifest="metrics", package="sigs.k8s.io/metrics-server/cmd/metrics-server"
)

KARPENTER = Program(name="karpenter", manifest="karpenter", package=".")
KWOK = Program(name="kwok", manifest="karpenter", package="sigs.k8s.io/kwok/cmd/kwok")

PROGRAMS = (PAUSE, ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KUBELET, PROXY, KUBECTL, COREDNS, NETWORK_POLICIES)

METRICS_PROGRAMS = (METRICS_SERVER, ADAPTER, PROMETHEUS)
"""In one module, so that what they share is compiled once."""

BUYING_PROGRAMS = (KARPENTER, KWOK)
"""Nodes that are bought for pods, and what keeps house on them. In one module too."""


def build(programs: Iterable[Program], layout: Layout, progress: Progress) -> Mapping[str, Path]:
    """Each program's path by its name; what is in the cache is not built again."""
    paths = {program: _path(program, layout) for program in programs}
    missing = [program for program, path in paths.items() if not path.exists()]
    if missing:
        go = find_go({MANIFESTS / program.manifest for program in missing}, layout.tools, progress)
        for number, program in enumerate(missing, start=1):
            with progress.step(f"building {program.name} from source ({number} of {len(missing)})"):
                _build(go, program, paths[program])
    return {program.name: path for program, path in paths.items()}


def built(program: Program, layout: Layout) -> Path | None:
    """The program, where it is in the cache."""
    path = _path(program, layout)
    return path if path.exists() else None


def _path(program: Program, layout: Layout) -> Path:
    manifest = MANIFESTS / program.manifest
    own = sorted((manifest / program.package).glob("*.go")) if program.package.startswith(".") else []
    key = content_key(*(path.read_bytes() for path in [*sorted(manifest.glob("go.*")), *own]))
    return layout.cache / "bin" / f"{program.manifest}-{key}" / program.name


def _build(go: Path, program: Program, into: Path) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    unfinished = into.with_suffix(f".{os.getpid()}")
    manifest = MANIFESTS / program.manifest
    command = [str(go), "build", "-trimpath", "-buildvcs=false", "-ldflags", _link(program, manifest)]
    if program.tags:
        command += ["-tags", ",".join(program.tags)]
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
    }
    told = subprocess.run(  # noqa: S603  the Go toolchain, with arguments of ours
        [*command, "-o", str(unfinished), program.package],
        cwd=manifest,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode != 0:
        unfinished.unlink(missing_ok=True)
        raise ClusterError(f"{program.name} cannot be built: {_last_lines(told.stderr)}")
    unfinished.rename(into)


def _link(program: Program, manifest: Path) -> str:
    """Linker flags. Clients parse what a Kubernetes program says its version is, and the module's alone is not
    compiled in (k8s.io/component-base/version/base.go)."""
    if program.versioned_by is None:
        return "-s -w"
    version = module_version(program.versioned_by, manifest / "go.mod")
    major, minor = version.removeprefix("v").split(".")[:2]
    said = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(
        ["-s -w", *(f"-X {package}.{name}={value}" for package in packages for name, value in said.items())]
    )


def module_version(module: str, manifest: Path) -> str:
    """The version of `module` that `manifest` requires, as `v1.2.3`."""
    found = re.search(
        rf"^\s*(?:require )?{re.escape(module)} (v\S+)", manifest.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise ClusterError(f"{manifest} does not require {module}.")
    return found[1]


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])
