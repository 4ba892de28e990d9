"""Models that an init container of ours fetches from a bucket before Triton starts: room, time, and whose keys.

It fetches exactly the digest that was planned, and what a trusted key did not sign never reaches Triton: the pod does
not start, and those that served before serve on.

A pod has a place of its own for them (an emptyDir). There is no cache that a node's pods share: restricted Pod Security
refuses `hostPath`, a local PersistentVolume wants a directory that every node has already, and an init container cannot
tell which digests other pods still have open. Where nodes shall keep models, image volumes do (the kubelet caches and
collects them).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from planning.derived import Derived
from planning.engines.settings import builder_of
from planning.findings import Finding, Rule, Severity, setting
from planning.repository.served import ServedSet
from planning.settings.quantities import Memory
from planning.settings.repository import Fetched, ModelRepository, OnVolume, S3Compatible

Onto = Literal["disk", "memory"]

KEYS_NEEDED = Rule("TU123", Severity.ERROR, "Models that pods fetch have keys to be verified by")
PLAIN_HTTP = Rule("TU124", Severity.WARNING, "Models travel encrypted")

BLOCK = 4096
"""Bytes that a file system gives at a time (ext4, xfs and tmpfs on x86-64): each file fills its last one partly."""

ROOM_BESIDE = 16 * 2**20
"""Bytes beside the files: directories, the signature (some 200 bytes a file) and, on the way, what says which ranges
are there (8 bytes for each 8 MiB)."""

FETCH_BYTES_PER_S = 100 * 2**20
"""Of all requests together. A choice of ours, below the slowest that they meet: a gp3 volume writes 125 MiB/s where
nobody bought more (Amazon EBS User Guide, "General Purpose SSD volumes"); AWS plans with 85 to 90 MB/s for each of the
sixteen connections (S3 documentation, "Performance design patterns")."""

FETCH_START_S = 10
"""The program's own start, the listing and the signature. An allowance: the start takes 1.2 s of a core (measured)."""

FETCH_SAFETY = 3
"""A fetch that takes this many times the estimate is still waited for: a throttled store, a busy disk."""


def delivery_of(repository: ModelRepository) -> Fetched | OnVolume | None:
    """How a program of ours brings the models; None where none does."""
    delivery = getattr(repository.destination, "delivery", None)
    return delivery if isinstance(delivery, Fetched | OnVolume) else None


def plan_room(served: ServedSet) -> Derived[Memory]:
    need = served.total_bytes + BLOCK * len(served.files) + ROOM_BESIDE
    size = Memory(served.total_bytes).readable()
    return Derived(Memory.mebibytes(need / 2**20), f"the models' {len(served.files)} files have {size}")


def plan_fetch_time(served: ServedSet) -> Derived[int]:
    """In seconds, before Triton starts."""
    reading = -(-served.total_bytes // FETCH_BYTES_PER_S)
    estimate = FETCH_START_S + reading
    return Derived(
        FETCH_SAFETY * estimate,
        f"{FETCH_SAFETY} times an estimate of {estimate} s: the fetcher's start {FETCH_START_S} s,"
        f" {served.total_bytes / 2**20:.0f} MiB {reading} s",
    )


def check_fetching(repository: ModelRepository) -> Iterator[Finding]:
    destination = repository.destination
    if (delivery_of(repository) or builder_of(repository)) and repository.signing is None:
        yield Finding(
            rule=KEYS_NEEDED,
            at=setting("model_repository.signing"),
            what="is missing, so a pod would refuse whatever it fetches: it trusts nobody.",
            fix="Write the public key of whoever publishes below `trusted` (docs/how-to/publish-models.md).",
        )
    if isinstance(destination, S3Compatible) and destination.endpoint.startswith("http://"):
        yield Finding(
            rule=PLAIN_HTTP,
            at=setting("model_repository.destination.endpoint"),
            what=f"{destination.endpoint!r} sends models as they are: what is fetched is verified, and anybody on the"
            " way can read it.",
            fix=f"Write {destination.endpoint.replace('http://', 'https://')!r}, or accept this warning with a reason.",
        )
