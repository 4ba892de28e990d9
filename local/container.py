"""The container `triton` of a rendered Deployment, as this machine needs to know it.

The manifest is a plain mapping in the Kubernetes API's own form (apps/v1). What would make the container
another one here than in the cluster is refused with the field's path: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local.errors import CannotServeError

CONTAINER = "triton"
"""The name that `components/serving` gives to Triton's container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """An httpGet probe. `budget_s`: seconds after which the kubelet gives up (Kubernetes API, v1.Probe)."""

    path: str
    port: int
    period_s: int
    timeout_s: int
    failure_threshold: int
    initial_delay_s: int

    @property
    def budget_s(self) -> int:
        return self.initial_delay_s + self.period_s * self.failure_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where a volume appears in the container. `source` is the volume's kind as the API names it:
    `emptyDir`, `persistentVolumeClaim`, `image`, …"""

    path: PurePosixPath
    volume: str
    source: str
    size_limit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What the pod runs. `argv` is command and args with `$(NAME)` expanded; seconds are whole."""

    deployment: str
    image: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    env_from_cluster: tuple[str, ...]
    """Variables whose value only the cluster knows (`valueFrom`)."""
    mounts: tuple[Mount, ...]
    ports: Mapping[str, int]
    startup: Probe
    readiness: Probe
    liveness: Probe | None
    pre_stop_s: int
    grace_s: int
    gpus: int
    beside: tuple[str, ...]
    """Other containers of the pod, those for its start included."""

    def mount_of(self, path: str) -> Mount | None:
        """The mount that holds `path`: the longest of those above it."""
        above = [mount for mount in self.mounts if PurePosixPath(path).is_relative_to(mount.path)]
        return max(above, key=lambda mount: len(mount.path.parts), default=None)


def read_container(manifest: Mapping[str, object]) -> Container:
    """The container of `manifest`. Raises CannotServeError, naming every field that is not as expected."""
    try:
        deployment = _Deployment.model_validate(manifest)
    except ValidationError as error:
        wrong = "; ".join(f"{_path(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        raise CannotServeError(f"This Deployment cannot be run here. {wrong}.") from None
    pod = deployment.spec.template.spec
    name = deployment.metadata.name
    container = next((c for c in pod.containers if c.name == CONTAINER), None)
    if container is None:
        names = ", ".join(c.name for c in pod.containers) or "none"
        raise CannotServeError(f"Deployment {name!r} has no container {CONTAINER!r} (it has: {names}).")
    others = [c.name for c in (*pod.init_containers, *pod.containers) if c is not container]
    env = {variable.name: variable.value for variable in container.env if variable.value_from is None}
    for variable, value in list(env.items()):
        env[variable] = _expand(value, env)
    ports = {port.name: port.container_port for port in container.ports}
    return Container(
        deployment=name,
        image=container.image,
        argv=tuple(_expand(part, env) for part in (*container.command, *container.args)),
        env=env,
        env_from_cluster=tuple(v.name for v in container.env if v.value_from is not None),
        mounts=tuple(_mount(name, mount, pod.volumes) for mount in container.volume_mounts),
        ports=ports,
        startup=_required(name, "startupProbe", _probe(name, container.startup_probe, ports)),
        readiness=_required(name, "readinessProbe", _probe(name, container.readiness_probe, ports)),
        liveness=_probe(name, container.liveness_probe, ports),
        pre_stop_s=container.lifecycle.pre_stop.sleep.seconds if container.lifecycle else 0,
        grace_s=pod.termination_grace_period_seconds,
        gpus=int(container.resources.limits.get("nvidia.com/gpu", 0)),
        beside=tuple(others),
    )


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class _HttpGet(_Wire):
    path: str = "/"
    port: int | str
    scheme: Literal["HTTP"] = "HTTP"


class _Probe(_Wire):
    http_get: _HttpGet
    period_seconds: int = 10
    timeout_seconds: int = 1
    failure_threshold: int = 3
    initial_delay_seconds: int = 0


class _Sleep(_Wire):
    seconds: int


class _PreStop(_Wire):
    sleep: _Sleep


class _Lifecycle(_Wire):
    pre_stop: _PreStop


class _Variable(_Wire):
    name: str
    value: str = ""
    value_from: dict[str, object] | None = None


class _Port(_Wire):
    name: str
    container_port: int


class _VolumeMount(_Wire):
    name: str
    mount_path: str


class _Resources(_Wire):
    limits: dict[str, str | int | float] = {}


class _Container(_Wire):
    name: str
    image: str
    command: list[str] = []
    args: list[str] = []
    env: list[_Variable] = []
    ports: list[_Port] = []
    volume_mounts: list[_VolumeMount] = []
    startup_probe: _Probe | None = None
    readiness_probe: _Probe | None = None
    liveness_probe: _Probe | None = None
    lifecycle: _Lifecycle | None = None
    resources: _Resources = _Resources()


class _Beside(_Wire):
    name: str


_Volume = dict[str, str | dict[str, object]]
"""`name`, and one key that says what the volume is, with its details."""


class _Pod(_Wire):
    containers: Annotated[list[_Container], Field(min_length=1)]
    init_containers: list[_Beside] = []
    volumes: list[_Volume] = []
    termination_grace_period_seconds: int = 30
    """30 is the API's own default (v1.PodSpec)."""


class _Template(_Wire):
    spec: _Pod


class _Spec(_Wire):
    template: _Template


class _Metadata(_Wire):
    name: str


class _Deployment(_Wire):
    kind: Literal["Deployment"]
    metadata: _Metadata
    spec: _Spec


def _path(parts: tuple[int | str, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).removeprefix(".")


def _expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` as the kubelet expands it: unknown names stay, `$$` is `$` (v1.Container, `args`)."""
    return re.sub(
        r"\$\$|\$\(([-._a-zA-Z0-9]+)\)",
        lambda found: "$" if found[1] is None else env.get(found[1], found[0]),
        text,
    )


def _mount(deployment: str, mount: _VolumeMount, volumes: list[_Volume]) -> Mount:
    for volume in volumes:
        for source, details in volume.items():
            if volume.get("name") == mount.name and isinstance(details, dict):
                limit = details.get("sizeLimit")
                return Mount(
                    path=PurePosixPath(mount.mount_path),
                    volume=mount.name,
                    source=source,
                    size_limit=str(limit) if limit is not None else None,
                )
    raise CannotServeError(
        f"Deployment {deployment!r}: {mount.mount_path} mounts volume {mount.name!r}, which the pod does not have."
    )


def _probe(deployment: str, probe: _Probe | None, ports: Mapping[str, int]) -> Probe | None:
    if probe is None:
        return None
    port = probe.http_get.port
    if isinstance(port, str):
        if port not in ports:
            raise CannotServeError(f"Deployment {deployment!r}: a probe names port {port!r}, which is none of {ports}.")
        port = ports[port]
    return Probe(
        path=probe.http_get.path,
        port=port,
        period_s=probe.period_seconds,
        timeout_s=probe.timeout_seconds,
        failure_threshold=probe.failure_threshold,
        initial_delay_s=probe.initial_delay_seconds,
    )


def _required(deployment: str, field: str, probe: Probe | None) -> Probe:
    if probe is None:
        raise CannotServeError(f"Deployment {deployment!r}: container {CONTAINER!r} has no {field}.")
    return probe
