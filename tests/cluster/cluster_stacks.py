"""Stacks of this project as the tests deploy them: planned from their files, or from a variant of one."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.cluster.kubectl import Object
from local.cluster.layout import PROJECT
from measuring.pods import write_sleeping_model
from planning.plan import Plan
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from stacks.planned import planned
from stacks.render import rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedStack:
    """`objects` are the manifests in apply order."""

    name: str
    plan: Plan
    objects: Sequence[Object]

    def of_kind(self, kind: str) -> list[Object]:
        return [body for body in self.objects if body["kind"] == kind]

    def server_policies(self) -> list[Object]:
        """The NetworkPolicies of the servers' namespace."""
        found = self.of_kind("NetworkPolicy")
        return [body for body in found if body["metadata"]["namespace"] == self.plan.namespace]

    def pods(self) -> list[Object]:
        """A pod for each Deployment, as its ReplicaSet would make it."""
        return [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": f"{body['metadata']['name']}-try",
                    "namespace": self.plan.namespace,
                    "labels": body["spec"]["template"]["metadata"]["labels"],
                },
                "spec": copy.deepcopy(body["spec"]["template"]["spec"]),
            }
            for body in self.of_kind("Deployment")
        ]


def stack(name: str, edit: Callable[[dict[str, Any]], None] = lambda settings: None) -> RenderedStack:
    """Stack `name`, its settings edited first."""
    document = yaml.safe_load((PROJECT / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    raw = document["config"]["tritonup:settings"]
    if raw.get("controllers", {}).get("karpenter") == "install":
        # Nodes here are of no cloud. Where one is bought, Karpenter is a process beside the cluster.
        raw["controllers"]["karpenter"] = "present"
    edit(raw)
    return planned_stack(name, raw)


def planned_stack(name: str, raw: Mapping[str, Any]) -> RenderedStack:
    """The stack of these settings."""
    settings = read_settings(raw)
    assert isinstance(settings, Settings), settings
    plan = planned(settings, PROJECT)
    assert not plan.errors, plan.errors
    return RenderedStack(name=name, plan=plan, objects=[manifest.body for manifest in rendered(plan, name)])


QUEUE_TIMEOUT = "default_timeout_microseconds: 1000000"

FAST = "digits"
"""A model of some milliseconds."""


BATCH = 16


def repository_with_sleepers(root: Path, sleepers: Mapping[str, float]) -> Path:
    """A model repository in `root` with the fast model and, by name, models that take so many seconds, and up to twice
    that where they are busy: one process each takes `BATCH` requests at once."""
    shutil.copytree(PROJECT / "model_repository" / FAST, root / FAST)
    config = root / FAST / "config.pbtxt"
    text = config.read_text(encoding="utf-8")
    assert text.count(QUEUE_TIMEOUT) == 1
    # Its queue gives up after a second, which a machine that is busy with other work may take.
    config.write_text(text.replace(QUEUE_TIMEOUT, f"{QUEUE_TIMEOUT}0"), encoding="utf-8")
    for name, seconds in sleepers.items():
        write_sleeping_model(root, seconds=seconds, instances=1, batch=BATCH, name=name)
    return root
