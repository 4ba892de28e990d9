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

_PASSED_OVER = re.compile(r"(?:0|(?:v|ver|version)[-_.]?)(\d+)", re.ASCII | re.IGNORECASE)

_NUMBER = re.compile(r"\s*([+-]?\d+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """`present` and `selected` ascend. `selected` may hold a version that is not present: the policy names
    it, or Triton reads a directory's name as that number."""

    present: tuple[int, ...]
    selected: tuple[int, ...]
    ignored: tuple[tuple[str, int], ...]
    """Directories that look like versions and that Triton passes over, and which they look like: `01`, `v2`."""
    misread: tuple[tuple[str, int], ...]
    """Directories whose name merely begins with a number, and the version that Triton takes them for."""
    missing: tuple[int, ...]
    """Versions that the policy names and that Triton skips, because they are not there."""
    too_large: tuple[str, ...] = ()
    """Directories whose number no 64 bits hold: Triton ends with an exception that it does not catch."""


def versions(config: ModelConfig, directories: Iterable[str]) -> Versions:
    """Sort `directories`, the names of a model's subdirectories, by what they are to Triton."""
    listed = sorted(set(directories) - NOT_VERSIONS)
    too_large = tuple(name for name in listed if not -(2**63) <= _number(name) < 2**63)
    names = [name for name in listed if name not in too_large]
    present = {int(name) for name in names if re.fullmatch(r"0|[1-9]\d*", name, re.ASCII)}
    ignored = tuple((name, int(found[1])) for name in names if (found := _PASSED_OVER.fullmatch(name)))
    # C++'s stoll reads a number at the front of a text and is content.
    misread = tuple(
        (name, int(found[1]))
        for name in names
        if not name.startswith("0") and not name.isdecimal() and (found := _NUMBER.match(name))
    )
    existing = present | {number for _, number in misread}
    policy = config.version_policy
    missing: tuple[int, ...] = ()
    match policy.WhichOneof("policy_choice"):
        case "specific":
            selected = set(policy.specific.versions) & existing
            missing = tuple(sorted(set(policy.specific.versions) - existing))
        case None if config.HasField("version_policy"):
            selected = existing  # a policy that chooses nothing is neither `specific` nor `latest`
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
        too_large=too_large,
    )


def _number(name: str) -> int:
    """What C++'s stoll makes of `name`, without its limits; 0 for what it is not asked about."""
    found = None if len(name) > 1 and name.startswith("0") else _NUMBER.match(name)
    return int(found[1]) if found else 0
