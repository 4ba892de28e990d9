"""What of a pod's settings matters when it leaves, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class By(StrEnum):
    """Where a value comes from."""

    STATED = "stated"
    KUBERNETES = "Kubernetes' default"
    TRITON = "Triton's default"


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    value: T
    by: By


def stated(value: T) -> Fact[T]:
    return Fact(value, By.STATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file at a commit, read on `READ` (peers.py). `date` is the commit's."""

    repository: str
    path: str
    commit: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Seconds; the defaults are Kubernetes'. `path` is asked over HTTP; None: a TCP connection is enough."""

    path: str | None
    initial_delay_s: int = 0
    period_s: int = 10
    timeout_s: int = 1
    failures: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """`key` names it in results and in the cluster. Seconds; `grpc_age_ms` None: channels live as long as they like.
    `budget` is a PodDisruptionBudget's maxUnavailable, None where there is none. `flags` are further ones for
    Triton."""

    key: str
    title: str
    sources: tuple[Source, ...]
    replicas: Fact[int]
    grace_s: Fact[int]
    pre_stop_s: Fact[int]
    exit_timeout_s: Fact[int]
    grpc_age_ms: Fact[int | None]
    readiness: Fact[Probe]
    liveness: Fact[Probe | None]
    startup: Fact[Probe | None]
    max_surge: Fact[str]
    max_unavailable: Fact[str]
    min_ready_s: Fact[int]
    budget: Fact[str | None]
    ports: Ports = Ports()
    flags: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
