"""A pod as two processes on this machine: Triton, and perhaps a proxy before it.

The order of leaving is the kubelet's (Kubernetes, "Pod Lifecycle", termination with sidecars): every container's
preStop at once; SIGTERM to Triton when its own preStop ends; the sidecar's stop signal only when Triton has ended;
SIGKILL to everything when the grace period, counted from the deletion, is over.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from local.container import read_container
from local.errors import CannotServeError
from local.installed import InstalledTriton
from local.ports import LOOPBACK, Ports, free_ports
from local.triton import RunningTriton, prepare

MODEL = "sleeping"

READY_S = 120.0
"""For two Tritons that start on two busy cores."""

POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The pod's own settings, in whole seconds; `flags` are Triton's, without the dashes."""

    pre_stop_s: int
    exit_timeout_s: int
    grace_s: int
    flags: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """A proxy before Triton. `config` is its text for its own ports, Triton's ports and a folder of its own; `argv`
    starts it in the foreground with the file of that text, whose path is appended. `before_grpc`: gRPC clients come
    through it too."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    config: Callable[[Ports, Ports, Path], str]
    before_grpc: bool
    while_leaving: tuple[tuple[float, signal.Signals], ...]
    """What its preStop hook sends it: seconds after the deletion, and the signal."""
    stop: signal.Signals


class Pod:
    """A running pod. `http` and `grpc` are the ports that its Service sends to."""

    def __init__(
        self, name: str, leaving: Leaving, model: Path, installed: InstalledTriton, sidecar: Sidecar | None
    ) -> None:
        self.name = name
        self._leaving = leaving
        self.log: list[str] = []
        ports = free_ports()
        prepared = prepare(
            name,
            read_container(_deployment(name, leaving)),
            (model,),
            installed=installed,
            ports=ports,
            known_flags=installed.known_flags(),
        )
        self._triton = RunningTriton(prepared, self.log.append)
        self.grpc = self.triton_grpc = ports.grpc
        self.http = self.triton_http = ports.http
        self._sidecar = sidecar
        self._folder = tempfile.TemporaryDirectory(prefix="tritonup-sidecar-")
        self._proxy: subprocess.Popen[bytes] | None = None
        if sidecar is not None:
            own = free_ports()
            self.http = own.http
            self.grpc = own.grpc if sidecar.before_grpc else ports.grpc
            self._proxy = _start(sidecar, own, ports, Path(self._folder.name))

    @property
    def proxy_pid(self) -> int | None:
        return None if self._proxy is None else self._proxy.pid

    def wait_until_ready(self) -> None:
        """Raises CannotServeError."""
        deadline = time.monotonic() + READY_S
        while not self._triton.ready():
            if time.monotonic() > deadline:
                raise CannotServeError(f"Pod {self.name!r} is not ready after {READY_S:g} s.")
            time.sleep(POLL_S)
        if self._proxy is not None and self._proxy.poll() is not None:
            raise CannotServeError(f"The proxy of {self.name!r} ended at once: {self._proxy_log()}")

    def leave(self) -> float:
        """Leave as the kubelet has it, and wait; the seconds that it took."""
        began = time.monotonic()
        hooks = sorted(self._sidecar.while_leaving) if self._sidecar is not None else []
        for _ in self._triton.leave(Event()):
            while self._proxy is not None and hooks and time.monotonic() - began >= hooks[0][0]:
                self._proxy.send_signal(hooks.pop(0)[1])
            time.sleep(POLL_S)
        if self._proxy is not None and self._sidecar is not None:
            self._proxy.send_signal(self._sidecar.stop)
            left = max(0.1, self._leaving.grace_s - (time.monotonic() - began))
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._proxy.wait(left)
        took = time.monotonic() - began
        self.end()
        return took

    def end(self) -> None:
        """At once, without courtesy; also after it has left."""
        self._triton.stop()
        if self._proxy is not None:
            # A session of its own: its workers with it, also where it has left them behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._proxy.pid, signal.SIGKILL)
            self._proxy.wait()
        self._folder.cleanup()

    def _proxy_log(self) -> str:
        return (Path(self._folder.name) / "log").read_text(errors="replace")[-400:]


def _start(sidecar: Sidecar, own: Ports, triton: Ports, folder: Path) -> subprocess.Popen[bytes]:
    config = folder / "config"
    config.write_text(sidecar.config(own, triton, folder))
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - the caller's own command
            [*sidecar.argv, str(config)],
            env=dict(sidecar.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


_MODEL = """
import time

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        time.sleep({seconds})
        given = [pb_utils.get_input_tensor_by_name(request, "X").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("Y", values)]) for values in given]
"""

_CONFIG = """
backend: "python"
{batching}
input [ {{ name: "X" data_type: TYPE_FP32 dims: [ 4 ] }} ]
output [ {{ name: "Y" data_type: TYPE_FP32 dims: [ 4 ] }} ]
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
"""


def write_sleeping_model(root: Path, *, seconds: float, instances: int, batch: int = 0, name: str = MODEL) -> Path:
    """A model that takes `seconds` and answers with its input, `instances` at a time: time passes, no core works.
    Each instance is a process; with `batch` it takes so many requests at once, for the price of one."""
    model = root / name
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.py").write_text(_MODEL.format(seconds=seconds))
    batching = f"max_batch_size: {batch}\ndynamic_batching {{}}" if batch else ""
    (model / "config.pbtxt").write_text(_CONFIG.format(instances=instances, batching=batching))
    shape = [1, 4] if batch else [4]
    given = {"name": "X", "shape": shape, "datatype": "FP32", "data": [1, 2, 3, 4]}
    sample = {"caption": "four numbers", "request": {"inputs": [given]}, "show": "tensor", "expect": {"shape": shape}}
    (model / "sample.json").write_text(json.dumps(sample))
    return model


def _deployment(name: str, leaving: Leaving) -> Mapping[str, object]:
    """The least of a rendered Deployment that `local` starts from."""
    probe = {
        "httpGet": {"path": "/v2/health/ready", "port": "http"},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": 120,
    }
    flags = {
        "model-repository": "/models",
        "http-port": 8000,
        "grpc-port": 8001,
        "metrics-port": 8002,
        "exit-timeout-secs": leaving.exit_timeout_s,
        **leaving.flags,
    }
    container: dict[str, object] = {
        "name": "triton",
        "image": "nvcr.io/nvidia/tritonserver:24.10-py3",
        "command": ["tritonserver"],
        "args": [f"--{flag}={value}" for flag, value in flags.items()],
        "ports": [
            {"name": "http", "containerPort": 8000},
            {"name": "grpc", "containerPort": 8001},
            {"name": "metrics", "containerPort": 8002},
        ],
        "startupProbe": probe,
        "readinessProbe": probe,
        "volumeMounts": [
            {"name": "models", "mountPath": "/models"},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - the pod's own
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
        ],
    }
    if leaving.pre_stop_s:
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": leaving.pre_stop_s}}}
    volumes = [
        {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
    ]
    pod = {"terminationGracePeriodSeconds": leaving.grace_s, "containers": [container], "volumes": volumes}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": pod}},
    }


def loopback(port: int) -> str:
    return f"{LOOPBACK}:{port}"
