"""What clusters say of published digests: who names each, so that it must stay, and how far each has come. Pure.

Pods say the truth. ModelVersion objects say beside it what is planned, and which models are in it; a cluster without
that kind is read as well.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from planning.model_versions import INSTANCE, KIND, MODELS_DIGEST, Phase

Object = Mapping[str, Any]
"""A Kubernetes object, as the API server wrote it."""

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_OF_MODELS = re.compile(rf'(?:/|"{MODELS_DIGEST}": "sha256:|"repositoryDigest": "sha256:)([0-9a-f]{{64}})(?![0-9a-f])')

_TELLING = ("Pod", "Deployment", "Job", "ReplicaSet", KIND)
"""Who is named, of several that name a digest: the first of these."""

_CANNOT_START = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""Reasons for which a container waits that do not go away by waiting (kubelet, pkg/kubelet/images/types.go and
pkg/kubelet/container/sync_result.go)."""

LONGEST_MESSAGE = 1024
"""Characters of `status.message`, as the kind allows; a container's own message has up to 4096 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSeen:
    """The ModelVersions, Deployments, ReplicaSets, Jobs and Pods of a whole cluster, called `name` by who asked."""

    name: str
    objects: tuple[Object, ...]

    @property
    def names_models(self) -> bool:
        """Whether anything in it names a digest of models, and not of something else."""
        return any(_OF_MODELS.search(json.dumps(one)) for one in self.objects)


def holders(clusters: Iterable[ClusterSeen], *, for_rollback: bool = True) -> Mapping[str, str]:
    """Who names each digest, in words; `for_rollback`: ReplicaSets too, which need not have pods. Any 64 hex digits are
    taken for one: what is no digest of models keeps nothing that is not there, and a field that nobody thought of keeps
    what it names."""
    found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for cluster in clusters:
        for one in cluster.objects:
            if one["kind"] == "ReplicaSet" and not for_rollback:
                continue
            rank = _TELLING.index(one["kind"]) if one["kind"] in _TELLING else len(_TELLING)
            who = f"{one['kind']} {_place(one)} of {cluster.name} names it"
            for digest in set(_DIGEST.findall(json.dumps(one))):
                found[digest].append((rank, who))
    return {digest: min(named)[1] for digest, named in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the `pods` of one digest showed. `reason` and `message` are empty where there is nothing to say."""

    phase: Phase
    pods: int
    ready: int
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A digest of a server in a cluster. `versions` are its ModelVersions; `look` is None where nothing is left of it
    but a ReplicaSet without pods: the way of a rollback."""

    cluster: str
    namespace: str
    server: str
    digest: str
    look: Look | None
    versions: tuple[Object, ...]

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(f"{one['spec']['model']}/{one['spec']['version']}" for one in self.versions)


def running(cluster: ClusterSeen) -> tuple[Running, ...]:
    """Every digest that something of ours in `cluster` names, by namespace, server and digest."""
    pods: defaultdict[_Place, list[Object]] = defaultdict(list)
    versions: defaultdict[_Place, list[Object]] = defaultdict(list)
    wanted: set[_Place] = set()
    replaced: set[_Place] = set()
    for one in cluster.objects:
        place = _served_by(one)
        if place is None:
            continue
        match one["kind"]:
            case "Pod" if not _is_over(one):
                pods[place].append(one)
            case "Deployment":
                wanted.add(place)
            case "ReplicaSet":
                replaced.add(place)
            case kind if kind == KIND:
                versions[place].append(one)
            case _:
                pass
    current = wanted | versions.keys() | pods.keys()
    return tuple(
        Running(
            cluster=cluster.name,
            namespace=place[0],
            server=place[1],
            digest=place[2],
            look=look_at(pods[place]) if place in current else None,
            versions=tuple(sorted(versions[place], key=lambda one: str(one["metadata"]["name"]))),
        )
        for place in sorted(current | replaced)
    )


def look_at(pods: Sequence[Object]) -> Look:
    """How far one digest has come, by the pods that have been given it."""
    if not pods:
        return Look(phase=Phase.PLANNED, pods=0, ready=0)
    ready = sum(_is_ready(pod) for pod in pods)
    if ready:
        return Look(phase=Phase.SERVING, pods=len(pods), ready=ready)
    for pod in pods:
        for said in _failing(pod):
            return Look(phase=Phase.FAILED, pods=len(pods), ready=0, reason=said[0], message=said[1])
    if any(_has_begun(pod) for pod in pods):
        return Look(phase=Phase.DELIVERED, pods=len(pods), ready=0)
    reason, message = next((said for pod in pods for said in _unscheduled(pod)), ("", ""))
    return Look(phase=Phase.DELIVERING, pods=len(pods), ready=0, reason=reason, message=message)


def status_of(look: Look, digest: str, now: datetime) -> dict[str, object]:
    """`status` of a ModelVersion, as a merge patch: what there is nothing to say of is taken away."""
    return {
        "phase": str(look.phase),
        "reason": look.reason or None,
        "message": look.message or None,
        "digest": f"sha256:{digest}" if look.pods else None,
        "pods": look.pods,
        "readyPods": look.ready,
        "observed": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


_Place = tuple[str, str, str]
"""Namespace, server, digest."""


def _served_by(one: Object) -> _Place | None:
    metadata = one["metadata"]
    if one["kind"] == KIND:
        spec = one["spec"]
        return str(metadata["namespace"]), str(spec["server"]), str(spec["repositoryDigest"]).removeprefix("sha256:")
    pod = metadata if one["kind"] == "Pod" else one["spec"].get("template", {}).get("metadata", {})
    digest = pod.get("annotations", {}).get(MODELS_DIGEST)
    server = pod.get("labels", {}).get(INSTANCE)
    if digest is None or server is None:
        return None
    return str(metadata["namespace"]), str(server), str(digest).removeprefix("sha256:")


def _place(one: Object) -> str:
    return f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


def _is_over(pod: Object) -> bool:
    """Evicted, or ended: it serves no more, and its ReplicaSet has made another."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _condition(pod: Object, kind: str) -> Object:
    conditions: Sequence[Object] = pod.get("status", {}).get("conditions", [])
    found = [one for one in conditions if one["type"] == kind]
    return found[0] if found else {}


def _is_ready(pod: Object) -> bool:
    return _condition(pod, "Ready").get("status") == "True"


def _containers(pod: Object) -> Iterator[Object]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses", [])
    yield from status.get("containerStatuses", [])


def _failing(pod: Object) -> Iterator[tuple[str, str]]:
    """Containers that ended with an error and do not run, or cannot start: the reason and what was said."""
    for one in _containers(pod):
        state, last = one.get("state", {}), one.get("lastState", {}).get("terminated", {})
        waiting, ended = state.get("waiting", {}), state.get("terminated", {}) or last
        if waiting.get("reason") not in _CANNOT_START and not state.get("terminated", {}).get("exitCode"):
            continue
        told = ended if ended.get("exitCode") else waiting
        code = f" with exit code {ended['exitCode']}" if ended.get("exitCode") else ""
        said = str(told.get("message") or waiting.get("message") or "").strip()
        did = f"container {one['name']} of pod {pod['metadata']['name']} ended{code}" if code else ""
        yield _word(told.get("reason") or waiting.get("reason")), ": ".join(filter(None, (did, said)))[:LONGEST_MESSAGE]


def _unscheduled(pod: Object) -> Iterator[tuple[str, str]]:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        yield _word(scheduled.get("reason")), str(scheduled.get("message", ""))[:LONGEST_MESSAGE]


def _has_begun(pod: Object) -> bool:
    """Whether its models are in it: every container that prepares the pod has ended or runs beside, and one serves."""
    return any("running" in one.get("state", {}) for one in pod.get("status", {}).get("containerStatuses", []))


def _word(reason: object) -> str:
    """A reason as the kind allows it."""
    text = str(reason or "")
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", text) else "Error"
