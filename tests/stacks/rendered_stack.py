"""The objects of a stack as tests look at them: rendered once, with the plan that they came from."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from planning.catalogue import CATALOGUE
from planning.images import image_lock
from planning.plan import Plan
from planning.planner import plan
from planning.repository.model import Repository
from planning.repository.reader import read_repository
from planning.server import PlannedLane, PlannedServer
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from stacks.render import Manifest, rendered

ROOT = Path(__file__).parents[2]
STACKS = ("local", "dev", "prod")
ASSEMBLED = Path("model_repository/text_encoder/1/model.onnx")
"""In the repository's layout and not in Git: 87 MB, put together by `make models` from published weights."""

CONTROLLERS = {"karpenter", "prometheus", "prometheus-adapter", "prometheus-operator"}
"""What `controllers.<name>: install` installs beside the device plugin, by its label."""

Body = Mapping[str, Any]
Edit = Callable[[dict[str, Any]], None]


class NotAssembledError(Exception):
    """A model that Git does not hold is not there."""

    def __init__(self) -> None:
        super().__init__(f"{ASSEMBLED} is not there. It is assembled, not committed: run `make models`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedStack:
    name: str
    plan: Plan
    manifests: tuple[Manifest, ...]

    def serving(self) -> RenderedStack:
        """Without the controllers that it installs, which have tests of their own."""
        return replace(self, manifests=tuple(each for each in self.manifests if not _of_a_controller(each)))

    def of(self, *kinds: str) -> list[Manifest]:
        found = [manifest for manifest in self.manifests if manifest.kind in kinds]
        assert found, f"{self.name} renders no {' or '.join(kinds)}"
        return found

    def one(self, kind: str, name: str) -> Body:
        (found,) = [manifest for manifest in self.of(kind) if manifest.name == name]
        return found.body

    def lanes(self) -> Iterator[tuple[PlannedServer, PlannedLane, Body]]:
        """Every planned lane with the Deployment that it became."""
        for server in self.plan.servers:
            for lane in server.lanes:
                yield server, lane, self.one("Deployment", lane.lane.deployment)

    def by_object(self) -> dict[tuple[str, str | None, str], Body]:
        return {(manifest.kind, manifest.namespace, manifest.name): manifest.body for manifest in self.manifests}


def _of_a_controller(manifest: Manifest) -> bool:
    named = manifest.body["metadata"]["labels"].get("app.kubernetes.io/name")
    return manifest.kind == "CustomResourceDefinition" or named in CONTROLLERS


def raw_settings(stack: str) -> dict[str, Any]:
    """`tritonup:settings` of the stack file, as plain data of the caller's own."""
    document = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    return copy.deepcopy(document["config"]["tritonup:settings"])


@functools.cache
def example_repository() -> Repository:
    if not (ROOT / ASSEMBLED).is_file():
        raise NotAssembledError
    repository, findings = read_repository(ROOT / "model_repository")
    assert not findings, findings
    return repository


def planned_from(raw: dict[str, Any]) -> Plan:
    """The plan of these settings on the example repository. It may have errors."""
    settings = read_settings(raw)
    assert isinstance(settings, Settings), settings
    return plan(settings, example_repository(), CATALOGUE, image_lock())


def rendered_plan(name: str, plan: Plan) -> RenderedStack:
    assert not plan.errors, [str(finding) for finding in plan.errors]
    return RenderedStack(name=name, plan=plan, manifests=rendered(plan, name))


@functools.cache
def rendered_stack(stack: str) -> RenderedStack:
    """The stack as its committed file says."""
    return rendered_plan(stack, planned_from(raw_settings(stack)))


def changed_stack(stack: str, edit: Edit) -> RenderedStack:
    """The stack after `edit` of its settings. Warnings that it accepts need not apply any more."""
    raw = raw_settings(stack)
    edit(raw)
    raw["accept"] = []
    decided = planned_from(raw)
    return rendered_plan(stack, replace(decided, findings=decided.errors))


def pod_of(deployment: Body) -> Body:
    return deployment["spec"]["template"]["spec"]


def container_of(deployment: Body) -> Body:
    """The server's own container: the one that is not a sidecar."""
    (container,) = pod_of(deployment)["containers"]
    return container


def containers_of(deployment: Body) -> list[Body]:
    """Every container of the pod, sidecars and what runs before it included."""
    pod = pod_of(deployment)
    return [*(pod.get("initContainers") or []), *pod["containers"]]
