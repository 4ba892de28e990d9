"""Bringing a stack to a cluster and away again: by `pulumi up` where it can be run, else by server-side apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from cli.project import PlannedStack
from local.cluster.applying import MANAGER, apply_stack, remove_stack
from local.cluster.image_archive import PackedImage
from local.cluster.kubectl import Kubectl, Object
from local.cluster.progress import Progress
from local.cluster.stack_images import pinned
from local.engine.deploying import Engine
from local.engine.events import Begun, Event, Said
from local.engine.installed import Installed, find_engine
from local.engine.ownership import ByApply, ByEngine, engine_to_remove, way_up
from local.engine.workplace import Workplace
from stacks.stackfile import SETTINGS_KEY


class Shown(Progress, Protocol):
    def detail(self, text: str) -> None:
        """What the step that lasts is at."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A cluster as a stack goes there. `images` are what tags of ours mean on its nodes, where we brought them."""

    kubectl: Kubectl
    workplace: Workplace
    images: Sequence[PackedImage]


def deploy(project: Path, planned: PlannedStack, objects: Sequence[Object], place: Place, progress: Shown) -> None:
    """Make the cluster hold `objects`, those of the planned stack, and tell what differed. ClusterError where it
    cannot, and where one object would get two owners."""
    stack = planned.file.stack
    match way_up(find_engine(project), place.workplace, place.kubectl, stack, objects):
        case ByEngine(installed=installed):
            progress.note(f"Deploying by `pulumi up`, with a state of its own in {place.workplace.root}.")
            try:
                with progress.step(f"`pulumi up` of stack {stack!r}, {len(objects)} objects"):
                    packed = {image.name: image.digest for image in place.images}
                    written = yaml.safe_load(planned.file.path.read_text(encoding="utf-8"))["config"][SETTINGS_KEY]
                    deployed = _engine(installed, place, progress).up(project, stack, written, packed)
            except KeyboardInterrupt:
                progress.note("Cancelled. What it had made is written down; the next `tritonup up` goes on from there.")
                raise
            _tell(deployed.objects, deployed.changed, deployed.removed, progress)
        case ByApply(why=why):
            progress.note(f"Deploying by server-side apply of the rendered objects, not by `pulumi up` ({why}).")
            with progress.step(f"applying {len(objects)} objects of stack {stack!r}"):
                _define(place.kubectl, objects)
                applied = apply_stack(place.kubectl, stack, pinned(objects, place.images))
            _tell(applied.objects, applied.changed, applied.pruned, progress)


def _define(kubectl: Kubectl, objects: Sequence[Object]) -> None:
    """Kinds that the stack brings, before objects of them: kubectl finds none for a kind that is not served yet."""
    for kind in (body for body in objects if body["kind"] == "CustomResourceDefinition"):
        kubectl.apply(kind, manager=MANAGER)
        kubectl.run("wait", "--for=condition=Established", f"crd/{kind['metadata']['name']}", "--timeout=30s")


def remove(project: Path, stack: str, place: Place, progress: Shown) -> bool:
    """Take `stack` away by the way it came, and its state with it. Whether it was there."""
    installed = engine_to_remove(find_engine(project), place.workplace, stack)
    if installed is None:
        place.workplace.remove()
        return remove_stack(place.kubectl, stack)
    _engine(installed, place, progress).destroy(stack)
    return True


def _engine(installed: Installed, place: Place, progress: Shown) -> Engine:
    warned: set[str] = set()

    def told(event: Event) -> None:
        match event:
            case Begun(doing=doing):
                progress.detail(doing)
            case Said(passing=True, text=text):
                progress.detail(text)
            case Said(severity="warning", text=text) if text not in warned:
                warned.add(text)
                progress.note(f"  {text}")
            case _:
                pass

    # With everything in it, and its current context alone: files that it names by a relative path are not beside it.
    whole = place.kubectl.run("config", "view", "--raw", "--minify", "--flatten")
    return Engine(installed=installed, workplace=place.workplace, kubeconfig=whole, told=told)


def _tell(objects: int, changed: Sequence[str], removed: Sequence[str], progress: Shown) -> None:
    if not changed and not removed:
        progress.note(f"Nothing differs: {objects} objects are as they were.")
        return
    for name in changed:
        progress.note(f"  changed {name}")
    for name in removed:
        progress.note(f"  removed {name}")
