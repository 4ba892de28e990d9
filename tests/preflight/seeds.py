"""A seed: a healthy repository, and the same with one fault in it.

Every model is called `subject`, what it calls `helper`, `other` and so on: names that a server with many
repositories in it can replace (`renamed`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Files = Mapping[str, bytes]
"""The files of a repository: path (POSIX, below its root) -> content."""

SUBJECT = "subject"
MODELS = ("subject", "helper", "other", "inner", "outer", "source")
"""The names that models of a seed have."""


@dataclass(frozen=True, slots=True)
class Core:
    """Triton's core decides: the real server refuses it, or ends."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The real server loads it; why it is a fault all the same."""

    because: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A backend decides, or a newer core than the judge's, which lets it pass: `project`, the commit or tag that was
    read, and the file and function in it."""

    project: str
    read: str
    at: str


Judge = Core | Cited | Ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """`at` is the end of the finding's field, or of its file where it has none; `words` must be in its text."""

    name: str
    judge: Judge
    rule: str
    at: str
    words: tuple[str, ...]
    healthy: Files
    faulty: Files
    code: tuple[str, ...] = (SUBJECT, "helper", "other")
    """The models that may bring code."""
    gpus: int | None = None
    """The GPUs of the server, where they matter."""
    severity: str = field(default="error")


def write(root: Path, files: Files) -> Path:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return root


def renamed(files: Files, name: Callable[[str], str]) -> Files:
    """`files` with every model of a seed under another name."""
    pattern = re.compile(rb'(?<=")(' + b"|".join(model.encode() for model in MODELS) + rb')(?=[/"])')

    def text(content: bytes) -> bytes:
        return pattern.sub(lambda found: name(found[1].decode()).encode(), content)

    def path(old: str) -> str:
        model, _, rest = old.partition("/")
        return f"{name(model)}/{rest}"

    return {path(old): text(content) if old.endswith(".pbtxt") else content for old, content in files.items()}


def changed(files: Files, old: str, new: str, *, path: str = f"{SUBJECT}/config.pbtxt") -> dict[str, bytes]:
    """`files` with `new` for the only `old` in one of them."""
    before = files[path].decode()
    assert before.count(old) == 1, f"{old!r} is {before.count(old)} times in\n{before}"
    return {**files, path: before.replace(old, new).encode()}


def without(files: Files, path: str) -> dict[str, bytes]:
    """`files` without `path`, a file or a directory."""
    left = {one: content for one, content in files.items() if one != path and not one.startswith(f"{path}/")}
    assert len(left) < len(files), path
    return left


def moved(files: Files, old: str, new: str) -> dict[str, bytes]:
    """`files` with `new` for `old` at the front of their paths."""
    return {new + one.removeprefix(old) if one.startswith(old) else one: content for one, content in files.items()}
