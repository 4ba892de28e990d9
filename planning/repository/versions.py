"""Which of a model's directories are versions, and which of them Triton loads.

Source: VersionsToLoad in triton-inference-server/core,
src/model_repository_manager/model_lifecycle.cc.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from planning.repository.config import ModelConfig

NOT_VERSIONS = frozenset({"warmup", "initial_state", "configs"})
"""Directories beside the versions that have a meaning of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """`present` and `selected` ascend. `selected` may hold a version that is not present: the policy names
    it, or Triton reads a directory's name as that number."""

    present: tuple[int, ...]
    selected: tuple[int, ...]
    ignored: tuple[str, ...]
    """Directories that look like versions and that Triton passes over: `01`."""
    misread: tuple[tuple[str, int], ...]
    """Directories whose name merely begins with a number, and the version that Triton takes them for."""
    missing: tuple[int, ...]
    """Versions that the policy names and that Triton skips, because they are not there."""


def versions(config: ModelConfig, directories: Iterable[str]) -> Versions:
    """Sort `directories`, the names of a model's subdirectories, by what they are to Triton."""
    names = sorted(set(directories) - NOT_VERSIONS)
    present = {int(name) for name in names if re.fullmatch(r"0|[1-9]\d*", name, re.ASCII)}
    ignored = tuple(name for name in names if re.fullmatch(r"0\d+", name, re.ASCII))
    # C++'s stoll reads a number at the front of a text and is content.
    misread = tuple(
        (name, int(found[1]))
        for name in names
        if not name.startswith("0") and not name.isdecimal() and (found := re.match(r"\s*([+-]?\d+)", name, re.ASCII))
    )
    existing = present | {number for _, number in misread}
    policy = config.version_policy
    missing: tuple[int, ...] = ()
    match policy.WhichOneof("policy_choice"):
        case "specific":
            selected = set(policy.specific.versions) & existing
            missing = tuple(sorted(set(policy.specific.versions) - existing))
        case "all":
            selected = existing
        case "latest":
            selected = set(sorted(existing, reverse=True)[: policy.latest.num_versions])
        case _:
            selected = set(sorted(existing, reverse=True)[:1])
    return Versions(
        present=tuple(sorted(present)),
        selected=tuple(sorted(selected)),
        ignored=ignored,
        misread=misread,
        missing=missing,
    )
