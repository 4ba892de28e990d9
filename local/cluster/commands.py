"""Programs that a command of ours runs and waits for: none outlives it, whenever Ctrl-C comes.

Python raises KeyboardInterrupt between any two instructions: also after a process was started and before anybody knows
its id, which then nobody can end. So an interrupt waits where one must not break in.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from local.cluster.errors import ClusterError


@contextmanager
def unbroken() -> Generator[None]:
    """What is inside is done as a whole: an interrupt (SIGINT) takes effect at the end of it."""
    if threading.current_thread() is not threading.main_thread() or not callable(signal.getsignal(signal.SIGINT)):
        # Python handles signals in the main thread alone; where SIGINT is ignored, there is nothing to hold.
        yield
        return
    waiting: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        waiting.append(number)

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if waiting:
            signal.raise_signal(signal.SIGINT)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, whatever comes of it. In a session of its own: a Ctrl-C at the terminal is for us, and we end
    what we started. ClusterError after `timeout_s`."""
    started: subprocess.Popen[str] | None = None
    try:
        with unbroken():
            started = subprocess.Popen(  # noqa: S603  arguments of ours
                list(command),
                env=env,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        said, complained = started.communicate(stdin, timeout=timeout_s)
        return subprocess.CompletedProcess(command, started.returncode, said, complained)
    except subprocess.TimeoutExpired as late:
        raise ClusterError(f"`{' '.join(command)}` did not end within {timeout_s:.0f} s.") from late
    finally:
        if started is not None and started.poll() is None:
            with unbroken():
                started.kill()
                started.wait()
