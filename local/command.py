"""The container's command line, adapted to a process on this machine.

Only what must differ differs, and every difference is an `Adaptation` that the user is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath

from local.container import Container
from local.errors import CannotServeError
from local.installed import RELEASE, InstalledTriton
from local.ports import LOOPBACK, Ports
from local.staging import Staging

SHARED_MEMORY_PREFIX = "python,shm-region-prefix-name"
"""The Python backend's own option that names its regions in /dev/shm (README of python_backend)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """`what` differs from the container, and `because` of what."""

    what: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCommand:
    """The process: `argv` and its whole environment. `shm_prefix` begins the names of its shared memory."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    shm_prefix: str
    adaptations: tuple[Adaptation, ...]


@dataclass(frozen=True, slots=True)
class _Flag:
    name: str
    value: str | None

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


def local_command(
    container: Container, installed: InstalledTriton, staging: Staging, ports: Ports, known: Set[str]
) -> LocalCommand:
    """What runs here for `container`. `known` holds the flags that the installed release has.

    Raises CannotServeError where the container is not Triton, or needs a volume that only the cluster has.
    """
    notes: list[Adaptation] = []
    flags = _known(_flags(container), known, notes)
    flags = [_located(container, staging, flag, notes) for flag in flags]
    flags = _repository(container, staging, flags, notes)
    flags = _listening(container, ports, flags, notes)
    flags = _backends(installed, staging, flags, notes)
    shm_prefix = f"{staging.root.name}_"
    flags.append(_Flag("backend-config", f"{SHARED_MEMORY_PREFIX}={shm_prefix}"))
    notes.append(
        Adaptation(
            what=f"--backend-config={SHARED_MEMORY_PREFIX}: names of its own in /dev/shm",
            because="only a pod has a /dev/shm for itself",
        )
    )
    return LocalCommand(
        argv=(str(installed.server), *map(str, flags)),
        env=_environment(container, installed, staging, notes),
        shm_prefix=shm_prefix,
        adaptations=tuple(notes),
    )


def _flags(container: Container) -> list[_Flag]:
    program, *rest = container.argv or ("",)
    if PurePosixPath(program).name != "tritonserver":
        raise CannotServeError(
            f"Deployment {container.deployment!r} runs {program!r}, not tritonserver: it cannot be run here."
        )
    flags: list[_Flag] = []
    for part in rest:
        if part.startswith("--"):
            name, equals, value = part[2:].partition("=")
            flags.append(_Flag(name, value if equals else None))
        elif flags and flags[-1].value is None:
            flags[-1] = _Flag(flags[-1].name, part)
        else:
            raise CannotServeError(f"Deployment {container.deployment!r}: argument {part!r} belongs to no flag.")
    return flags


def _located(container: Container, staging: Staging, flag: _Flag, notes: list[Adaptation]) -> _Flag:
    if flag.value is None or flag.name in {"model-repository", "model-store"}:
        return flag
    value = _with_local_paths(container, staging, flag.value)
    if value != flag.value:
        notes.append(Adaptation(what=f"{flag} -> --{flag.name}={value}", because="it is a path in a volume"))
    return _Flag(flag.name, value)


def _with_local_paths(container: Container, staging: Staging, text: str) -> str:
    def local(found: re.Match[str]) -> str:
        mount = container.mount_of(found[0])
        if mount is None or mount.path == PurePosixPath("/dev/shm"):  # noqa: S108  the path in the container
            return found[0]
        if mount.source != "emptyDir":
            raise CannotServeError(
                f"Deployment {container.deployment!r} names {found[0]!r} in volume {mount.volume!r}"
                f" ({mount.source}), which only the cluster has."
            )
        folder = staging.volume(mount.volume)
        folder.mkdir(exist_ok=True)
        return str(folder / PurePosixPath(found[0]).relative_to(mount.path))

    return re.sub(r"(?<![^\s,=:])/[^\s,:=]+", local, text)


def _repository(container: Container, staging: Staging, flags: Sequence[_Flag], notes: list[Adaptation]) -> list[_Flag]:
    named = [flag for flag in flags if flag.name in {"model-repository", "model-store"} and flag.value]
    if not named:
        raise CannotServeError(f"Deployment {container.deployment!r} gives Triton no --model-repository.")
    for flag in named:
        mount = container.mount_of(flag.value or "")
        where = f"volume {mount.volume!r} ({mount.source})" if mount else "the models' destination"
        notes.append(
            Adaptation(
                what=f"{flag} -> links to the models {', '.join(staging.served)}",
                because=f"{where} is in the cluster",
            )
        )
    return [_Flag("model-repository", str(staging.models)), *(flag for flag in flags if flag not in named)]


def _listening(container: Container, ports: Ports, flags: Sequence[_Flag], notes: list[Adaptation]) -> list[_Flag]:
    ours = {f"{kind}-port": str(port) for kind, port in ports}
    ours |= {f"{kind}-address": LOOPBACK for kind, _ in ports}
    theirs = {flag.name: flag.value for flag in flags if flag.name in ours}
    moved = [
        f"{kind} {container.ports.get(kind) or theirs.get(f'{kind}-port') or '(default)'} -> {port}"
        for kind, port in ports
    ]
    notes.append(
        Adaptation(
            what=f"listens on {LOOPBACK} only; ports {', '.join(moved)}",
            because="this machine is not a pod's network",
        )
    )
    return [flag for flag in flags if flag.name not in ours] + [_Flag(*item) for item in ours.items()]


def _backends(
    installed: InstalledTriton, staging: Staging, flags: Sequence[_Flag], notes: list[Adaptation]
) -> list[_Flag]:
    ours = [_Flag("backend-directory", str(staging.backends))]
    if any(flag.name == "cache-config" for flag in flags):
        ours.append(_Flag("cache-directory", str(installed.caches)))
    replaced = {flag.name for flag in ours}
    notes.append(
        Adaptation(
            what="--backend-directory: the wheel's Python backend, and onnxruntime as a Python backend",
            because="the wheel has no other backends",
        )
    )
    return [flag for flag in flags if flag.name not in replaced] + ours


def _known(flags: Sequence[_Flag], known: Set[str], notes: list[Adaptation]) -> list[_Flag]:
    kept: list[_Flag] = []
    for flag in flags:
        if flag.name not in known:
            notes.append(Adaptation(what=f"without {flag}", because=f"release {RELEASE} does not know it"))
        elif flag.name == "log-file":
            notes.append(Adaptation(what=f"without {flag}", because="the log is shown here"))
        else:
            kept.append(flag)
    return kept


def _environment(
    container: Container, installed: InstalledTriton, staging: Staging, notes: list[Adaptation]
) -> Mapping[str, str]:
    needed = dict(installed.environment()) | {
        "HOME": str(staging.scratch),
        "TMPDIR": str(staging.scratch),
        "LANG": "C.UTF-8",
    }
    own = {name: _with_local_paths(container, staging, value) for name, value in container.env.items()}
    notes.append(Adaptation(what=f"{', '.join(needed)} of this machine", because="its folders lie elsewhere"))
    if container.env_from_cluster:
        notes.append(
            Adaptation(what=f"without {', '.join(container.env_from_cluster)}", because="only the cluster knows them")
        )
    if container.beside:
        notes.append(
            Adaptation(
                what=f"without the pod's other containers ({', '.join(container.beside)})",
                because="only Triton runs here",
            )
        )
    return own | needed
