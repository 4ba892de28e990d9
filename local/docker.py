"""The `docker run` that does with the rendered image what `tritonup serve` does with the wheel."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from local.container import Container
from local.ports import LOOPBACK, Ports

MODELS = "/models"
"""Where the models are mounted if the container reads them from elsewhere than a volume."""


def docker_command(name: str, container: Container, models: Sequence[Path], ports: Ports) -> str:
    """The command, one option a line, for a shell."""
    program, *args = container.argv
    repository = next((a.partition("=")[2] for a in args if a.startswith("--model-repository=")), MODELS)
    inside = repository if container.mount_of(repository) else MODELS
    args = [f"--model-repository={inside}" if a.startswith("--model-repository=") else a for a in args]
    options = [["docker", "run", "--rm", f"--name=tritonup-{name}"]]
    if container.gpus:
        options.append([f"--gpus={container.gpus}"])
    for kind, port in ports:
        if kind in container.ports:
            options.append(["-p", f"{LOOPBACK}:{port}:{container.ports[kind]}"])
    for mount in container.mounts:
        if str(mount.path) == "/dev/shm" and mount.size_limit:  # noqa: S108  the path in the container
            options.append([f"--shm-size={_docker_size(mount.size_limit)}"])
    options.append([f"--stop-timeout={container.grace_s}"])
    options += [["-v", f"{model.resolve()}:{inside}/{model.name}:ro"] for model in models]
    options += [["-e", f"{key}={value}"] for key, value in container.env.items()]
    options.append([f"--entrypoint={program}", container.image])
    options += [[arg] for arg in args]
    return " \\\n  ".join(shlex.join(option) for option in options)


def _docker_size(quantity: str) -> str:
    """Docker's units are powers of two with one letter, Kubernetes' `Mi` too; its `M` is not, so it becomes
    bytes."""
    found = re.fullmatch(r"(\d+)([KMG]i?)?", quantity)
    if found is None:
        return quantity
    number, unit = found[1], found[2] or ""
    if unit.endswith("i"):
        return f"{number}{unit[0].lower()}"
    return str(int(number) * {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}[unit])
