"""`make cluster-test`: the tests of this folder by four workers at the same time, each with a cluster of its own.

Most of a test's time is waiting: for drains, notices, looks of a scaler. Each worker runs in a part of the machine
where it finds nobody else (machine_apart.py), so that no test knows of another's cluster. What all would build is
built before. Where the machine cannot be divided, or a cluster is given, one worker runs all tests, and it is said why.

Options are passed on to pytest.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import machine_apart
import pytest
from cluster_target import Printed

from local.cluster.binaries import BUYING_PROGRAMS, METRICS_PROGRAMS, PROGRAMS, build
from local.cluster.debian import node_tree
from local.cluster.definitions import ALL, OF_KARPENTER, definition_file
from local.cluster.errors import ClusterError
from local.cluster.layout import LAYOUT, STATE
from local.cluster.lock import alone
from local.cluster.metrics import metrics_image
from local.cluster.names import dns_image
from local.cluster.program_image import pause_image
from local.cluster.programs_image import programs_image
from local.cluster.requirements import NEEDED_DISK_GB, require_machine
from local.cluster.stack_images import stack_images
from local.cluster.unpacked_images import unpacked_images
from local.object_stores import MINIO

HERE = Path(__file__).parent

SHARES: Mapping[str, Sequence[str]] = {
    "operations": (
        "test_no_request_is_lost.py",
        "test_failing_models.py",
        "test_scheduling.py",
        "test_failing_gpus.py",
    ),
    "reclaims": (
        "test_no_request_is_lost_to_reclaims.py",
        "test_disruption.py",
        "test_serving.py",
        "test_network_policies.py",
        "test_people.py",
    ),
    "boots": (
        "test_boot_and_removal.py",
        "test_buying_nodes.py",
        "test_admission.py",
    ),
    "others": (),
}
"""Which files a worker runs: divided so that all end at about the same time. The last runs whatever no other does, so
that no file is forgotten."""

BARE = {"boots"}
"""Workers whose tests need no node that runs pods: their cluster has none."""

PREFERRED = {
    "operations": 4 * machine_apart.SHARES,
    "reclaims": 4 * machine_apart.SHARES,
    "boots": 3 * machine_apart.SHARES,
    "others": 4 * machine_apart.SHARES,
}
"""The first two must not take for a lost request what is a server that another worker's boot has starved. What others
add to it is so that all end at about the same time."""

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")

INSTANCES = 512
"""A kubelet has some 10, containerd some more, and the workers have up to 16 nodes; the kernel's default is 128."""

ENDS_WITHIN_S = 60.0
"""After Ctrl-C: a cluster is taken down in 3 to 10 s on an idle machine."""

NEEDED_MEMORY_GB = 2
"""For each worker. Measured: four took 5 GB together at the most."""

NONE_CHOSEN = int(pytest.ExitCode.NO_TESTS_COLLECTED)

TOLD_AT_THE_END = ("= FAILURES", "= ERRORS", "= short test summary", "= slowest", "= warnings", "! ")


@dataclass(slots=True, kw_only=True)
class Worker:
    """`held` is what it says after its last test: shown in one piece, where no other's lines cut it. `failures` are its
    lines about what failed, and `last` is its last word."""

    name: str
    process: subprocess.Popen[str]
    began: float = field(default_factory=time.monotonic)
    took_s: float = 0.0
    held: list[str] = field(default_factory=list[str])
    failures: list[str] = field(default_factory=list[str])
    last: str = "nothing"

    def follow(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.last = line.strip("= \n") or self.last
            if line.startswith(("FAILED ", "ERROR ")):
                self.failures.append(line)
            if self.held or any(mark in line[:60] for mark in TOLD_AT_THE_END):
                self.held.append(line)
            else:
                self._say(line)
        self.process.wait()
        self.took_s = time.monotonic() - self.began
        self._say(*self.held)

    def _say(self, *lines: str) -> None:
        print("".join(f"{self.name}| {line.rstrip()}\n" for line in lines), end="", flush=True)


def main(options: Sequence[str]) -> int:
    if why := _undivided():
        print(f"One worker runs all tests: {why}", flush=True)
        return subprocess.call([*_pytest(options), str(HERE)])
    with alone("testing clusters"):
        return _tested(options)


def _tested(options: Sequence[str]) -> int:
    _prepare()
    began = time.monotonic()
    with _instances(), _cleared(SHARES):
        workers = [_started(name, options) for name in SHARES]
        followers = [threading.Thread(target=worker.follow) for worker in workers]
        for follower in followers:
            follower.start()
        try:
            _wait(workers)
        except KeyboardInterrupt:
            # Passed on, so that each tells of what has failed; a second one does not wait for that.
            for worker in workers:
                worker.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                _wait(workers, ENDS_WITHIN_S)
            raise
        finally:
            for worker in workers:
                worker.process.kill()
            for follower in followers:
                follower.join()
    for worker in workers:
        # Once more: of a long log often only the end is kept.
        for line in worker.failures:
            print(f"{worker.name}| {line.rstrip()}")
    for worker in workers:
        print(f"{worker.name}: exit code {worker.process.returncode} after {worker.took_s:.0f} s: {worker.last}")
    print(f"all workers: {time.monotonic() - began:.0f} s")
    codes = {worker.process.returncode for worker in workers}
    # Where options choose, one worker may have nothing to do.
    return next((code for code in codes - {NONE_CHOSEN} if code), 0 if 0 in codes else NONE_CHOSEN)


def _undivided() -> str | None:
    """Why one worker runs all tests here, or None."""
    if os.environ.get("TRITONUP_KUBECONFIG"):
        return "TRITONUP_KUBECONFIG names a cluster, which they would share"
    try:
        require_machine(LAYOUT)
    except ClusterError as refused:
        return str(refused)
    if (free := shutil.disk_usage(STATE.parent).free / 1e9) < (needed := len(SHARES) * NEEDED_DISK_GB):
        return f"{STATE.parent} has {free:.1f} GB left, and {len(SHARES)} clusters need {needed}"
    if (available := _available_gb()) < (needed := len(SHARES) * NEEDED_MEMORY_GB):
        return f"{available:.1f} GB of memory are available, and {len(SHARES)} clusters need {needed}"
    if int(INOTIFY.read_text(encoding="ascii")) < INSTANCES and not os.access(INOTIFY, os.W_OK):
        return f"{INOTIFY} is less than {INSTANCES}, which kubelets of {len(SHARES)} clusters need, and cannot be set"
    with _cleared(["try"]):
        tried = subprocess.run(machine_apart.command("try", "true"), capture_output=True, text=True, check=False)
    return f"this machine cannot be divided: {tried.stderr.strip()}" if tried.returncode else None


def _available_gb() -> float:
    """Of memory (proc_meminfo(5))."""
    told = Path("/proc/meminfo").read_text(encoding="ascii")
    return int(told.partition("MemAvailable:")[2].split()[0]) / 1e6


def _prepare() -> None:
    """All that is built once: workers that build the same would be in each other's way."""
    progress = Printed()
    programs = build([*PROGRAMS, *METRICS_PROGRAMS, *BUYING_PROGRAMS], LAYOUT, progress)
    debian = node_tree(LAYOUT, progress)
    pause_image(programs, LAYOUT)
    dns_image(programs, LAYOUT)
    metrics_image({program.name: programs[program.name] for program in METRICS_PROGRAMS}, LAYOUT)
    stack_images(LAYOUT, progress)
    programs_image(LAYOUT, progress)
    unpacked_images(debian, LAYOUT, progress)
    with suppress(ClusterError):  # the test that needs it says that it skips
        build([MINIO], LAYOUT, progress)
    for definition in {*ALL, *OF_KARPENTER}:
        definition_file(definition, LAYOUT, progress)


def _started(name: str, options: Sequence[str]) -> Worker:
    others = [file for other, files in SHARES.items() if other != name for file in files]
    files = [str(HERE / file) for file in SHARES[name]]
    chosen = files or [str(HERE), *(f"--ignore={HERE / file}" for file in others)]
    process = subprocess.Popen(
        machine_apart.command(name, *_pytest(options), *chosen, shares=PREFERRED.get(name, machine_apart.SHARES)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # kubectl keeps what a cluster serves by its address, and all have the same.
        env={
            **os.environ,
            "KUBECACHEDIR": str(LAYOUT.cache / f"kubectl-{name}"),
            "TRITONUP_TEST_BARE": "yes" if name in BARE else "",
        },
        # Ctrl-C at the terminal is for us.
        start_new_session=True,
    )
    return Worker(name=name, process=process)


def _pytest(options: Sequence[str]) -> list[str]:
    return [sys.executable, "-u", "-m", "pytest", "-vv", "-rfEs", *options]


def _wait(workers: Sequence[Worker], within_s: float | None = None) -> None:
    deadline = None if within_s is None else time.monotonic() + within_s
    for worker in workers:
        worker.process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))


@contextmanager
def _cleared(names: Iterable[str]) -> Generator[None]:
    """Nothing of these parts of the machine is there before, be it a killed run's, nor afterwards."""
    machine_apart.clear(names)
    try:
        yield
    finally:
        machine_apart.clear(names)


@contextmanager
def _instances() -> Generator[None]:
    """Enough inotify instances while the context lasts."""
    before = INOTIFY.read_text(encoding="ascii")
    if int(before) >= INSTANCES:
        yield
        return
    INOTIFY.write_text(str(INSTANCES), encoding="ascii")
    try:
        yield
    finally:
        INOTIFY.write_text(before, encoding="ascii")


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        sys.exit(main(sys.argv[1:]))
    except ClusterError as refused:
        sys.exit(f"{refused}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
