"""Triton's command-line flags that this program can write, and the releases that know them.

`tritonserver` refuses to start on a flag that it does not know, so a flag is written only for releases that
have it. Source of every entry: the option's name in `src/command_line_parser.cc` at each release's tag of
triton-inference-server/server, from v2.51.0 (24.10) to r26.08. That 26.09 and 26.10 kept them all is an
assumption: their sources were not to be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from planning.catalogue.releases import release_order

OLDEST_READ: Final = "24.10"
"""The oldest release whose source was read: what older ones know is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonFlag:
    """`name` without the dashes. `introduced` is the first release that knows it; None where `OLDEST_READ`
    knew it already. `removed` is the first release that knows it no longer; None where none dropped it."""

    name: str
    introduced: str | None
    removed: str | None
    source: str


_PARSER = "src/command_line_parser.cc, v2.51.0 to r26.08"

_ALWAYS = (
    # serving
    "exit-timeout-secs",
    "id",
    "strict-readiness",
    # model repository
    "backend-config",
    "backend-directory",
    "disable-auto-complete-config",
    "exit-on-error",
    "load-model",
    "model-config-name",
    "model-control-mode",
    "model-load-retry-count",
    "model-load-thread-count",
    "model-repository",
    "repository-poll-secs",
    # HTTP
    "allow-http",
    "http-address",
    "http-header-forward-pattern",
    "http-port",
    "http-restricted-api",
    "http-thread-count",
    # gRPC
    "allow-grpc",
    "grpc-address",
    "grpc-header-forward-pattern",
    "grpc-infer-allocation-pool-size",
    "grpc-keepalive-permit-without-calls",
    "grpc-keepalive-time",
    "grpc-keepalive-timeout",
    "grpc-max-connection-age",
    "grpc-max-connection-age-grace",
    "grpc-port",
    "grpc-restricted-protocol",
    "grpc-root-cert",
    "grpc-server-cert",
    "grpc-server-key",
    "grpc-use-ssl",
    "grpc-use-ssl-mutual",
    # endpoints of cloud vendors
    "allow-sagemaker",
    "allow-vertex-ai",
    # metrics
    "allow-cpu-metrics",
    "allow-gpu-metrics",
    "allow-metrics",
    "metrics-address",
    "metrics-config",
    "metrics-interval-ms",
    "metrics-port",
    # logs
    "log-error",
    "log-file",
    "log-format",
    "log-info",
    "log-verbose",
    "log-warning",
    # traces
    "trace-config",
    # memory and threads
    "buffer-manager-thread-count",
    "cache-config",
    "cache-directory",
    "cuda-memory-pool-byte-size",
    "min-supported-compute-capability",
    "pinned-memory-pool-byte-size",
    "rate-limit",
)

_LATER = (
    TritonFlag(
        name="grpc-max-response-pool-size",
        introduced="25.03",
        removed=None,
        source="absent in v2.55.0 (25.02), present in v2.56.0; commit 5704238b2 of 2025-02-20",
    ),
    TritonFlag(
        name="grpc-infer-thread-count",
        introduced="25.04",
        removed=None,
        source="absent in v2.56.0 (25.03), present in v2.57.0; commit 5fd6bc48b of 2025-04-04",
    ),
    TritonFlag(
        name="http-max-input-size",
        introduced="25.06",
        removed=None,
        source="absent in v2.58.0 (25.05), present in v2.59.0; commit af8bb9302 of 2025-06-06",
    ),
    TritonFlag(
        name="allow-client-shm",
        introduced="26.04",
        removed=None,
        source="absent in v2.67.0 (26.03), present in v2.68.0; commit 546a78766 of 2026-04-14, since which"
        " clients may not use shared memory unless it is given",
    ),
)

FLAGS: Final[Mapping[str, TritonFlag]] = MappingProxyType(
    {
        flag.name: flag
        for flag in (
            *(TritonFlag(name=name, introduced=None, removed=None, source=_PARSER) for name in _ALWAYS),
            *_LATER,
        )
    }
)
"""Every flag that may be written, by name."""


@cache
def known_flags(release: str) -> frozenset[str]:
    """The names in `FLAGS` that the release with this tag ("26.08") accepts. ValueError for a release older
    than `OLDEST_READ`, of which nothing is known, and for what is not a release's tag."""
    asked = release_order(release)
    if asked < release_order(OLDEST_READ):
        raise ValueError(f"the flags of release {release!r} are not known: the oldest known is {OLDEST_READ}.")
    return frozenset(
        flag.name
        for flag in FLAGS.values()
        if (flag.introduced is None or release_order(flag.introduced) <= asked)
        and (flag.removed is None or asked < release_order(flag.removed))
    )
