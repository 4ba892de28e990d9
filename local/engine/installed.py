"""Whether `pulumi up` can run here without fetching anything: the command line, its Python host, the provider."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PROVIDER = "pulumi-resource-kubernetes"
PYTHON_HOST = "pulumi-language-python"
IGNORE_AMBIENT = "PULUMI_IGNORE_AMBIENT_PLUGINS"
"""With it the engine looks for no provider on the PATH (sdk/go/common/env, IgnoreAmbientPlugins)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """`plugins` is the user's plugin cache, whether or not it is there."""

    pulumi: Path
    plugins: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """`why` continues a sentence: "not by `pulumi up` ({why})"."""

    why: str


def find_engine(project: Path, environment: Mapping[str, str] = os.environ) -> Installed | Missing:
    path = environment.get("PATH", "")
    pulumi = shutil.which("pulumi", path=path)
    if pulumi is None:
        return Missing(why="it is not on the PATH")
    beside = Path(pulumi).resolve().with_name(PYTHON_HOST)
    if not beside.is_file() and shutil.which(PYTHON_HOST, path=path) is None:
        return Missing(why=f"its Python host {PYTHON_HOST} is neither beside it nor on the PATH")
    home = environment.get("PULUMI_HOME")
    plugins = (Path(home) if home else Path.home() / ".pulumi") / "plugins"
    ambient = environment.get(IGNORE_AMBIENT, "").lower() not in ("true", "1")
    if not (ambient and shutil.which(PROVIDER, path=path)) and not (cached := _cached(plugins)).is_file():
        return Missing(why=f"its Kubernetes provider is neither on the PATH nor at {cached}")
    if not (project / ".venv" / "bin" / "python").exists():
        return Missing(why="the project has no .venv for its program; `make install` makes it")
    return Installed(pulumi=Path(pulumi), plugins=plugins)


def _cached(plugins: Path) -> Path:
    """Where `pulumi plugin install` puts the version that the program asks for: its own package's."""
    return plugins / f"resource-kubernetes-v{version('pulumi-kubernetes')}" / PROVIDER
