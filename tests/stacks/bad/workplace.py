"""A project in a temporary folder, with the committed stack files and example repository, to be broken."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
STACKS = ("local", "dev", "prod")


@dataclass(frozen=True, slots=True)
class Edit:
    """In `file`, the first `old` becomes `new`. An empty `old` stands for the whole file, and a `new` of None
    takes the file away."""

    file: str
    old: str
    new: str | None

    def apply(self, project: Path) -> None:
        path = project / self.file
        if self.new is None:
            path.unlink()
            return
        text = path.read_text(encoding="utf-8") if self.old else ""
        assert self.old in text, f"{self.file} does not hold {self.old!r}: mend this case"
        path.unlink()  # it may be the committed file under a second name
        path.write_text(text.replace(self.old, self.new, 1), encoding="utf-8")


def project(folder: Path, edits: Sequence[Edit], stacks: Mapping[str, str] | None = None) -> Path:
    """A copy of the project in `folder`, edited. `stacks`: stack files beside the committed ones, by name."""
    for name in ("Pulumi.yaml", *(f"Pulumi.{stack}.yaml" for stack in STACKS)):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(
        ROOT / "model_repository",
        folder / "model_repository",
        copy_function=_same_bytes,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for edit in edits:
        edit.apply(folder)
    return folder


def _same_bytes(source: str, target: str) -> None:
    """A second name of the same file where the file system allows that: the encoder has 87 MB."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
