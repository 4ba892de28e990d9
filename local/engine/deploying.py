"""`pulumi up` and `pulumi destroy` of one stack in a workplace, with the engine's own cancellation."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from local.cluster.errors import ClusterError
from local.engine.events import Done, Event, Kept, Said, read_event
from local.engine.installed import Installed
from local.engine.state import checkpoint, pending
from local.engine.workplace import Workplace

UPSERT = "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"
"""Lets a create adopt what is there (pulumi-kubernetes, provider/pkg/provider). Only after a killed run, whose last
objects the cluster has and the state has not."""


NOTHING_PACKED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What became of the stack's objects, named as in `deployment/triton-floor`."""

    kept: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def objects(self) -> int:
        return len(self.kept) + len(self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine at work in one place, for the cluster of `kubeconfig` (the text of one, with everything in it)."""

    installed: Installed
    workplace: Workplace
    kubeconfig: str
    told: Callable[[Event], None]
    inherited: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def up(
        self, project: Path, stack: str, settings: Mapping[str, Any], packed: Mapping[str, str] = NOTHING_PACKED
    ) -> Deployed:
        """Make the cluster hold what the program at `project` makes of `settings`, drift included, with the digests of
        `packed` for images that it names by these tags. ClusterError with
        the engine's own diagnostics; KeyboardInterrupt after it was cancelled and had written its state."""
        self.workplace.lay_out(self.installed)
        with self.workplace.holding(self.kubeconfig) as lock:
            self.workplace.stage(project, stack, settings, packed)
            self._unlock(stack)
            if not checkpoint(self.workplace, stack).exists():
                self._quiet("stack", "init", "--stack", stack)
            more = {UPSERT: "true"} if pending(self.workplace, stack) else {}
            options = ("--yes", "--skip-preview", "--refresh", "--json")
            return self._follow(["up", *options, "--stack", stack], lock, more)

    def destroy(self, stack: str) -> Deployed:
        """Delete everything of the stack, then the workplace. Errors as of `up`."""
        self.workplace.lay_out(self.installed)
        with self.workplace.holding(self.kubeconfig) as lock:
            self._unlock(stack)
            options = ("--yes", "--skip-preview", "--refresh", "--json")
            gone = self._follow(["destroy", *options, "--stack", stack], lock, {})
        self.workplace.remove()
        return gone

    def _unlock(self, stack: str) -> None:
        """A lock of the state that is there although nobody works here is of an engine that was killed."""
        if any(self.workplace.state.glob(f".pulumi/locks/**/{stack}/*.json")):
            self._quiet("cancel", "--yes", "--stack", stack)

    def _quiet(self, *arguments: str) -> None:
        told = subprocess.run(  # noqa: S603  the engine, with arguments of ours
            self._command(arguments),
            env=self._environment({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if told.returncode != 0:
            raise ClusterError(f"`pulumi {' '.join(arguments)}` failed: {(told.stderr or told.stdout).strip()}")

    def _follow(self, arguments: Sequence[str], lock: int, more: Mapping[str, str]) -> Deployed:
        changed: dict[str, None] = {}
        removed: dict[str, None] = {}
        kept: dict[str, None] = {}
        faults: list[Said] = []
        with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
            # A group of its own, so that Ctrl-C reaches the engine once, and its plugins through it.
            child = subprocess.Popen(  # noqa: S603  the engine, with arguments of ours
                self._command(arguments),
                env=self._environment(more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                encoding="utf-8",
                errors="replace",
                pass_fds=[lock],
                process_group=0,
            )
            with _forwarding(child) as interrupted:
                assert child.stdout is not None
                for event in _events(child.stdout):
                    self.told(event)
                    match event:
                        case Kept(name=name):
                            kept[name] = None
                        case Done(name=name, change="changed"):
                            changed[name] = None
                        case Done(name=name):
                            removed[name] = None
                        case Said(severity="error"):
                            faults.append(event)
                        case _:
                            pass
                code = child.wait()
            if code != 0 and interrupted:
                raise KeyboardInterrupt
            if code != 0:
                complaints.seek(0)
                raise ClusterError(_failure(arguments[0], faults, complaints.read()))
        for name in changed:
            kept.pop(name, None)
        return Deployed(kept=tuple(sorted(kept)), changed=tuple(sorted(changed)), removed=tuple(sorted(removed)))

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [
            str(self.installed.pulumi),
            *arguments,
            *("--non-interactive", "--color=never", f"--cwd={self.workplace.project}"),
        ]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return self.workplace.environment(self.inherited) | dict(more)


def _events(stream: IO[str]) -> Generator[Event]:
    for line in stream:
        if event := read_event(line):
            yield event


@contextmanager
def _forwarding(child: subprocess.Popen[str]) -> Generator[list[int]]:
    """Hand SIGINT and SIGTERM on: the first cancels, a second one ends the engine at once (pkg/backend,
    cancellation_scope.go). The signals that came."""
    came: list[int] = []

    def forward(number: int, _frame: object) -> None:
        came.append(number)
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _failure(command: str, faults: Sequence[Said], complaints: str) -> str:
    # The engine ends with one that says only that there were others.
    lines = list(dict.fromkeys(f"{said.about}: {said.text}" if said.about else said.text for said in faults))
    return "\n".join([f"`pulumi {command}` failed:", *(lines or [complaints.strip() or "it said nothing about why"])])
