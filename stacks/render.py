"""The stack's Kubernetes objects as plain manifests, in the order in which they can be applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from pulumi import ResourceOptions

from planning.plan import Plan
from stacks.composition import compose
from stacks.recording import Outputs, Recorded, is_unknown, leaves, record

ORDER = (
    "Namespace",
    "PriorityClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "CustomResourceDefinition",
    "ResourceQuota",
    "LimitRange",
    "PersistentVolume",
    "StorageClass",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "PersistentVolumeClaim",
    "EC2NodeClass",
    "NodePool",
    "ComputeClass",
    "ConfigMap",
    "NetworkPolicy",
    "Service",
    "PodDisruptionBudget",
    "DaemonSet",
    "Job",
    "Deployment",
    "APIService",
    "Prometheus",
    "HorizontalPodAutoscaler",
    "PodMonitor",
    "ModelVersion",
)
"""What others stand on comes first; a network closes before a pod that it guards starts. A kind that is not here
comes last."""

RENDERED = ".rendered"
"""Beside the files: the names of those that `write` made, so that it removes its own alone."""


class UnknownValuesError(Exception):
    """Values that only a deployed cloud knows. The message names object and field of each, and what to do."""

    def __init__(self, unknown: Sequence[tuple[str, str]]) -> None:
        lines = "\n".join(f"  {who}: {field}" for who, field in unknown)
        super().__init__(
            f"{len(unknown)} value(s) are known only when the cloud's part is deployed:\n{lines}\n"
            "Supply them with --outputs FILE, a JSON object of outputs by <type>/<name> of the resource that they come"
            " from (`pulumi stack export` shows them)."
        )
        self.unknown = tuple(unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object. `body` is what the API server takes."""

    kind: str
    name: str
    namespace: str | None
    body: Mapping[str, Any]  # whatever the kind has

    @property
    def filename(self) -> str:
        return f"{self.kind.lower()}-{self.name}.yaml"

    def yaml(self) -> str:
        return yaml.dump(
            dict(self.body), Dumper=_Dumper, sort_keys=True, default_flow_style=False, width=110, allow_unicode=True
        )


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that a configuration file reads and diffs as one."""


def _text(_: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def rendered(plan: Plan, stack: str, outputs: Outputs | None = None) -> tuple[Manifest, ...]:
    """The objects of `plan`, which has no errors. UnknownValuesError where one needs what only a cloud knows."""
    recorded = record(lambda: compose(plan, ResourceOptions()), stack=stack, outputs=outputs)
    objects = [resource for resource in recorded if resource.type.startswith("kubernetes:")]
    unknown = [
        (f"{resource.inputs['kind']} {resource.name!r}", path)
        for resource in objects
        for path, value in leaves(resource.inputs)
        if is_unknown(value)
    ]
    if unknown:
        raise UnknownValuesError(unknown)
    return tuple(sorted((_manifest(resource) for resource in objects), key=_place))


def write(manifests: Sequence[Manifest], directory: Path) -> tuple[Path, ...]:
    """A file for each, numbered in apply order, and `RENDERED`, which lists them. Files that an earlier rendering
    listed and this one does not have are removed; no others are touched. OSError leaves what was there."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {f"{index:03d}-{manifest.filename}": manifest.yaml() for index, manifest in enumerate(manifests)}
    listed = directory / RENDERED
    before = listed.read_text(encoding="utf-8").split() if listed.exists() else []
    with TemporaryDirectory(dir=directory, prefix=".rendering-") as folder:
        for name, text in (*texts.items(), (RENDERED, "".join(f"{name}\n" for name in texts))):
            (Path(folder) / name).write_text(text, encoding="utf-8")
        # Everything is on disk by now: renaming takes no room.
        for name in (*texts, RENDERED):
            (Path(folder) / name).replace(directory / name)
    for stale in set(before) - set(texts):
        if Path(stale).name == stale:
            (directory / stale).unlink(missing_ok=True)
    return tuple(directory / name for name in texts)


def _manifest(resource: Recorded) -> Manifest:
    body = {key: value for key, value in resource.inputs.items() if value is not None}
    metadata = body["metadata"]
    return Manifest(kind=body["kind"], name=metadata["name"], namespace=metadata.get("namespace"), body=body)


def _place(manifest: Manifest) -> tuple[int, str, str]:
    index = ORDER.index(manifest.kind) if manifest.kind in ORDER else len(ORDER)
    return index, manifest.kind, manifest.name
