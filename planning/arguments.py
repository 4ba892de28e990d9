"""Triton's command line, each flag with its reason, for the release that will read it.

A flag that a release does not know keeps the server from starting, so every flag is looked up in the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

from planning.catalogue.flags import known_flags
from planning.derived import Derived
from planning.draining import Drain
from planning.ports import GRPC_PORT, HTTP_PORT, METRICS_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT


@dataclass(frozen=True, slots=True)
class Argument:
    """`--name=value`."""

    name: str
    value: Derived[str]

    def __str__(self) -> str:
        return f"--{self.name}={self.value.value}"


def plan_arguments(release: str, repository: Derived[str], drain: Drain, *, gpu: bool) -> tuple[Argument, ...]:
    """The flags that `release` is started with, in the order in which they are written."""
    known = known_flags(release)
    return tuple(argument for argument in _wanted(repository, drain, gpu=gpu) if argument.name in known)


def _wanted(repository: Derived[str], drain: Drain, *, gpu: bool) -> tuple[Argument, ...]:
    docs = "Triton's secure deployment guide asks for it"
    return (
        Argument("model-repository", repository),
        Argument("model-control-mode", Derived("none", "what serves is what was planned; nobody loads or unloads")),
        Argument("exit-on-error", Derived("true", "a server that lacks a model must not become ready")),
        Argument("strict-readiness", Derived("true", "ready means that every model is ready")),
        Argument("http-port", Derived(str(TRITON_HTTP_PORT), f"{HTTP_PORT} is the proxy's, which stands before it")),
        Argument("grpc-port", Derived(str(TRITON_GRPC_PORT), f"{GRPC_PORT} is the proxy's, which stands before it")),
        Argument("metrics-port", Derived(str(METRICS_PORT), "Triton's usual port")),
        Argument("exit-timeout-secs", Derived(str(drain.exit_timeout.value), drain.exit_timeout.because)),
        Argument(
            "allow-gpu-metrics",
            Derived("true" if gpu else "false", "it has GPUs" if gpu else "it has no GPU"),
        ),
        Argument(
            "metrics-config",
            Derived("histogram_latencies=true", "the only latency that can be added up over pods, off by default"),
        ),
        Argument("allow-client-shm", Derived("false", f"{docs}: clients register memory of the server otherwise")),
        Argument("allow-sagemaker", Derived("false", f"{docs}: an endpoint that nobody uses is closed")),
        Argument("allow-vertex-ai", Derived("false", f"{docs}: an endpoint that nobody uses is closed")),
    )
