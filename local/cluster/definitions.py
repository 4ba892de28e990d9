"""CustomResourceDefinitions out of their controllers' own Go modules, whose archives the proxy serves unbuilt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from local.cluster.binaries import MANIFESTS
from local.cluster.errors import ClusterError
from local.cluster.golang import find_go
from local.cluster.kubectl import Kubectl
from local.cluster.layout import Layout, content_key
from local.cluster.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """`path` is the file's in `module`, which tools/crds/go.mod pins."""

    name: str
    module: str
    path: str


def _of_the_operator(plural: str) -> Definition:
    return Definition(
        name=f"{plural}.monitoring.coreos.com",
        module="github.com/prometheus-operator/prometheus-operator",
        path=f"example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml",
    )


POD_MONITOR = _of_the_operator("podmonitors")
OF_PROMETHEUS = (
    POD_MONITOR,
    *map(_of_the_operator, ("probes", "prometheuses", "prometheusrules", "servicemonitors")),
)
"""What the Prometheus operator follows for a Prometheus, each of which it waits for (prometheus-operator v0.93.0, pkg/
prometheus/server/operator.go, `waitForCacheSync`)."""

NODE_POOL = Definition(
    name="nodepools.karpenter.sh",
    module="github.com/aws/karpenter-provider-aws",
    path="pkg/apis/crds/karpenter.sh_nodepools.yaml",
)
EC2_NODE_CLASS = Definition(
    name="ec2nodeclasses.karpenter.k8s.aws",
    module="github.com/aws/karpenter-provider-aws",
    path="pkg/apis/crds/karpenter.k8s.aws_ec2nodeclasses.yaml",
)
NODE_CLAIM = Definition(
    name="nodeclaims.karpenter.sh",
    module="github.com/aws/karpenter-provider-aws",
    path="pkg/apis/crds/karpenter.sh_nodeclaims.yaml",
)
KWOK_NODE_CLASS = Definition(
    name="kwoknodeclasses.karpenter.kwok.sh",
    module="sigs.k8s.io/karpenter",
    path="kwok/apis/crds/karpenter.kwok.sh_kwoknodeclasses.yaml",
)

OF_KARPENTER = (NODE_POOL, NODE_CLAIM, KWOK_NODE_CLASS)
"""What Karpenter itself reads and writes, with its kwok provider."""

ALL = (*OF_PROMETHEUS, NODE_POOL, EC2_NODE_CLASS)
"""Of everything that a rendered stack may hold."""


ESTABLISHED_WITHIN_S = 30.0


def establish(definition: Definition, kubectl: Kubectl, layout: Layout, progress: Progress) -> None:
    """The cluster knows the kind, and serves it."""
    kubectl.run("apply", "--server-side", f"--filename={definition_file(definition, layout, progress)}")
    wait_until_established(definition.name, kubectl)


def wait_until_established(name: str, kubectl: Kubectl) -> None:
    """Until the cluster serves the kind of this definition. Not by `kubectl wait`, which ends with an error where
    conditions are null, as a new definition's are for a moment."""
    deadline = time.monotonic() + ESTABLISHED_WITHIN_S
    while not any(
        one["type"] == "Established" and one["status"] == "True"
        for one in kubectl.get("crd", name).get("status", {}).get("conditions") or ()
    ):
        if time.monotonic() > deadline:
            raise ClusterError(f"The definition {name} was not established within {ESTABLISHED_WITHIN_S:.0f} s.")
        time.sleep(0.1)


def definition_file(definition: Definition, layout: Layout, progress: Progress) -> Path:
    """The definition out of its module, kept for each version of it. ClusterError where it cannot be had."""
    manifest = MANIFESTS / "crds"
    key = content_key((manifest / "go.mod").read_bytes(), (manifest / "go.sum").read_bytes())
    kept = layout.cache / "definitions" / key / f"{definition.name}.yaml"
    if not kept.exists():
        go = find_go([manifest], layout.tools, progress)
        with progress.step(f"getting the definition of {definition.name}"):
            told = subprocess.run(  # noqa: S603  the Go toolchain, with arguments of ours
                [str(go), "mod", "download", "-json", definition.module],
                cwd=manifest,
                env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
                capture_output=True,
                text=True,
                check=False,
            )
        if told.returncode != 0:
            raise ClusterError(f"{definition.module} cannot be had: {told.stderr.strip() or told.stdout.strip()}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(Path(json.loads(told.stdout)["Dir"]) / definition.path, unfinished)
        unfinished.rename(kept)
    return kept
