"""Clusters that a program in kubectl's place tells of: a folder each, with what it would print."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KUBECTL = """#!/bin/sh
folder=$(dirname "${1#--kubeconfig=}")
case "$*" in
*" patch "*) echo "$*" >> "$folder/patched"; exit 0 ;;
*" --raw "*) answer=versions ;;
*) answer=workloads; echo >> "$folder/looks" ;;
esac
look=$(wc -l < "$folder/looks" 2>/dev/null || echo 0)
for file in "$folder/$answer.$look" "$folder/$answer"; do
  if [ -f "$file" ]; then cat "$file"; exit 0; fi
done
cat "$folder/refusal" >&2
exit 1
"""
"""It knows nothing of a cluster but the words by which it is asked: `cli/clusters.py` chooses them, and
tests/cluster/test_model_versions.py has the real one answer."""

NO_SUCH_KIND = "Error from server (NotFound): the server could not find the requested resource"


@dataclass(frozen=True, slots=True)
class StandIn:
    folder: Path

    @property
    def kubeconfig(self) -> str:
        return str(self.folder / "kubeconfig")

    def has(self, *objects: Mapping[str, Any], look: int | None = None) -> None:
        """At every look, or at one alone: the first is 1."""
        name = "workloads" if look is None else f"workloads.{look}"
        (self.folder / name).write_text(json.dumps({"kind": "List", "items": objects}))

    def refuses(self, said: str, *, answers: Sequence[str] = ()) -> None:
        """Everything but `answers`."""
        for answer in {"workloads", "versions"} - set(answers):
            (self.folder / answer).unlink(missing_ok=True)
        (self.folder / "refusal").write_text(said)

    def has_versions(self, *objects: Mapping[str, Any]) -> None:
        (self.folder / "versions").write_text(json.dumps({"items": objects}))

    @property
    def patched(self) -> str:
        return (self.folder / "patched").read_text()


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "cluster") -> StandIn:
    """A cluster with nothing in it, which does not know ModelVersions."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "kubectl").write_text(KUBECTL)
    (programs / "kubectl").chmod(0o755)
    shell = Path(shutil.which("sh") or "/bin/sh").parent
    monkeypatch.setenv("PATH", f"{programs}:{shell}:/usr/bin:/bin")
    own = folder / name
    own.mkdir()
    (own / "kubeconfig").write_text("")
    made = StandIn(own)
    made.has()
    made.refuses(NO_SUCH_KIND, answers=("workloads",))
    return made
