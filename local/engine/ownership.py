"""Which of the two ways a stack is on a cluster, and which one it goes now.

An object that both the engine and an apply set own has two owners who do not know of each other: what one drops the
other keeps, and what one changes is the other's conflict. So a stack stays with the way it came by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from local.cluster.applying import DEFINITION, is_applied
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import Layout
from local.engine.installed import Installed, Missing
from local.engine.state import holds_objects
from local.engine.workplace import Workplace

ENGINES = "pulumi-kubernetes"
"""What the provider's field managers begin with (pulumi-kubernetes, provider/pkg/provider, fieldManagerName)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByEngine:
    installed: Installed


@dataclass(frozen=True, slots=True, kw_only=True)
class ByApply:
    """`why` says why not by the engine."""

    why: str


Way = ByEngine | ByApply


def way_up(
    found: Installed | Missing, workplace: Workplace, kubectl: Kubectl, stack: str, objects: Sequence[Object]
) -> Way:
    """ClusterError where neither way leaves each object with one owner, with what to do about it."""
    if holds_objects(workplace, stack):
        return ByEngine(installed=_still_there(found, workplace, stack))
    if is_applied(kubectl, stack):
        match found:
            case Missing(why=why):
                return ByApply(why=why)
            case Installed():
                return ByApply(
                    why="the stack is here by server-side apply, and stays so until it is removed: `tritonup down`,"
                    " then `tritonup up`, deploys it by `pulumi up`"
                )
    if theirs := _made_by_an_engine(kubectl, objects):
        raise ClusterError(
            f"{theirs} is here by a `pulumi up` whose state is not in {workplace.root}: nothing was changed. Deploy"
            " with that state (`pulumi up`), or remove the stack with it (`pulumi destroy`) and run this again."
        )
    return ByApply(why=found.why) if isinstance(found, Missing) else ByEngine(installed=found)


def engine_to_remove(found: Installed | Missing, workplace: Workplace, stack: str) -> Installed | None:
    """The engine where it is what deployed the stack. ClusterError where it is gone."""
    return _still_there(found, workplace, stack) if holds_objects(workplace, stack) else None


def _still_there(found: Installed | Missing, workplace: Workplace, stack: str) -> Installed:
    match found:
        case Installed():
            return found
        case Missing(why=why):
            instead = ", or end the cluster and begin anew (`tritonup down`)" if workplace.ends_with_cluster else ""
            raise ClusterError(
                f"Stack {stack!r} is here by `pulumi up`, which cannot be run now ({why}): nothing was changed. Bring"
                f" it back and run this again{instead}. Its state is in {workplace.root}."
            )


def _made_by_an_engine(kubectl: Kubectl, objects: Sequence[Object]) -> str | None:
    # A definition stays when its stack goes, and what is of a kind that is not there yet cannot be asked for.
    definitions = [body for body in objects if body["kind"] == DEFINITION]
    defined = {DEFINITION, *(body["spec"]["names"]["kind"] for body in definitions)}
    told = kubectl.attempt(
        *("get", "--filename=-", "--ignore-not-found", "--show-managed-fields", "--output=json"),
        stdin=json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": [body for body in objects if body["kind"] not in defined]}
        ),
    )
    if not told.stdout.strip():
        return None
    found = json.loads(told.stdout)
    for item in found["items"] if found["kind"] == "List" else [found]:
        if any(entry["manager"].startswith(ENGINES) for entry in item["metadata"].get("managedFields", [])):
            return f"{item['kind']} {item['metadata']['name']!r}"
    return None


def own_workplace(layout: Layout) -> Workplace:
    """Below the cluster's own state, so that whatever ends the cluster ends it too."""
    return Workplace(root=layout.root / "pulumi", ends_with_cluster=True)


def their_workplace(kubectl: Kubectl, layout: Layout) -> Workplace:
    """For a cluster that the user has: known by an identity that lasts as long as the cluster, so that another
    kubeconfig for it finds the same state, and a new cluster at its address does not."""
    cluster = str(kubectl.get("namespace", "kube-system")["metadata"]["uid"])
    return Workplace(root=layout.cache.parent / "deployed" / cluster, ends_with_cluster=False)
