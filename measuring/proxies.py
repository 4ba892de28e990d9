"""The proxies that were measured before Triton: ours (planning/proxy.py), and the runner-up."""

from __future__ import annotations

import signal
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from local.ports import LOOPBACK, Ports
from measuring.pods import Sidecar
from planning.proxy import Way, nginx_config, plan_proxy


class Quit(StrEnum):
    """When nginx closes what is idle and ends."""

    PLANNED = "planned"
    BEFORE_SIGTERM = "before-sigterm"
    """A second before Triton is told to end."""
    LAST = "last"
    """After Triton, as a sidecar without a preStop hook."""


def nginx(
    binary: Path,
    *,
    libraries: str,
    connection_age_s: int,
    pre_stop_s: int,
    slowest_request_s: int,
    quit_: Quit = Quit.PLANNED,
) -> Sidecar:
    """nginx as the pod runs it, on loopback and with nobody to pass on to. `libraries` is the loader's path, where it
    was only unpacked."""
    planned = plan_proxy(
        server="measured", connection_age_s=connection_age_s, pre_stop_s=pre_stop_s, slowest_request_s=slowest_request_s
    )

    def config(own: Ports, triton: Ports, folder: Path) -> str:
        here = replace(
            planned,
            http=Way(port=own.http, triton_port=triton.http),
            grpc=Way(port=own.grpc, triton_port=triton.grpc),
            others=None,
        )
        return nginx_config(here, address=LOOPBACK, scratch=str(folder))

    match quit_:
        case Quit.PLANNED:
            hooks = ((float(planned.quit_after.value), signal.SIGQUIT),)
        case Quit.BEFORE_SIGTERM:
            hooks = ((pre_stop_s - 1.0, signal.SIGQUIT),)
        case Quit.LAST:
            hooks = ()
    return Sidecar(
        argv=(str(binary), "-e", "stderr", "-g", "daemon off;", "-c"),
        env=_environment(libraries),
        config=config,
        before_grpc=True,
        while_leaving=hooks,
        stop=signal.SIGQUIT,
    )


def haproxy(binary: Path, *, libraries: str, pre_stop_s: int, slowest_request_s: int) -> Sidecar:
    """HAProxy, told at preStop that it leaves: it goes on accepting for `grace`, says `Connection: close` with every
    answer from then on, and does not close idle connections until they have been used (configuration manual 2.6:
    `grace`, `stopping`, `option idle-close-on-response`)."""

    def config(own: Ports, triton: Ports, _: Path) -> str:
        return f"""\
global
    maxconn 4096
    nbthread 1
    grace {pre_stop_s}s
defaults
    mode http
    timeout connect 1s
    timeout client 650s
    timeout server {slowest_request_s + 1}s
    timeout http-keep-alive 650s
    option idle-close-on-response
    option http-no-delay
frontend front
    bind {LOOPBACK}:{own.http}
    http-after-response set-header Connection close if {{ stopping }}
    default_backend triton
backend triton
    http-reuse always
    server triton {LOOPBACK}:{triton.http} pool-purge-delay 2s
"""

    return Sidecar(
        argv=(str(binary), "-db", "-f"),
        env=_environment(libraries),
        config=config,
        before_grpc=False,
        while_leaving=((0, signal.SIGUSR1),),
        stop=signal.SIGTERM,
    )


def _environment(libraries: str) -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": libraries}
