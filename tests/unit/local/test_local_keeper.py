"""Nothing outlives the keeper, whatever becomes of whoever started it. The server is a shell here."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import keeper

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the keeper is made of Linux's own means")

DEADLINE_S = 30.0


class Kept:
    def __init__(self, tmp_path: Path, script: str, grace_s: float = 20) -> None:
        self.root = tmp_path / "root"
        self.root.mkdir()
        self.region = Path(f"/dev/shm/tritonup-test-{tmp_path.name}")
        self.region.touch()
        spec = {
            "argv": ["/bin/sh", "-c", script],
            "env": {"PATH": "/usr/bin:/bin"},
            "cwd": str(tmp_path),
            "root": str(self.root),
            "shm_prefix": self.region.name,
            "grace_s": grace_s,
        }
        (self.root / "keeper.json").write_text(json.dumps(spec))
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(keeper.__file__), str(self.root / "keeper.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        self.pids = [int(pid) for pid in self.process.stdout.readline().split()]

    def order(self, word: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word)
        self.process.stdin.flush()

    def let_go(self) -> None:
        """What the kernel does where the starter dies."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def nothing_is_left(self) -> bool:
        return not (
            self.root.exists() or self.region.exists() or any(Path(f"/proc/{pid}").exists() for pid in self.pids)
        )


@pytest.fixture
def kept(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Kept]:
    running = Kept(tmp_path, *request.param)
    yield running
    running.process.kill()
    running.process.wait()
    running.region.unlink(missing_ok=True)


POLITE = "trap 'exit 0' TERM; echo $$; while :; do sleep 0.05; done"
DEAF = "trap '' TERM; sleep 600 & echo $$ $!; while :; do sleep 0.05; done"
WITH_A_CHILD = "sleep 600 & echo $$ $!; exit 7"


@pytest.mark.parametrize("kept", [(POLITE,)], indirect=True)
def test_a_server_that_is_asked_to_end_ends_by_itself(kept: Kept) -> None:
    kept.order(b"t")
    assert kept.process.wait(DEADLINE_S) == 0
    assert kept.nothing_is_left()


@pytest.mark.parametrize("kept", [(DEAF,)], indirect=True)
def test_the_whole_group_is_killed_on_order(kept: Kept) -> None:
    kept.order(b"k")
    assert kept.process.wait(DEADLINE_S) == 128 + 9
    assert kept.nothing_is_left()


@pytest.mark.parametrize("kept", [(POLITE,)], indirect=True)
def test_the_starters_death_asks_the_server_to_end(kept: Kept) -> None:
    kept.let_go()
    assert kept.process.wait(DEADLINE_S) == 0
    assert kept.nothing_is_left()


@pytest.mark.parametrize("kept", [(DEAF, 0.3)], indirect=True)
def test_a_server_that_does_not_end_is_killed_when_its_grace_is_over(kept: Kept) -> None:
    kept.let_go()
    assert kept.process.wait(DEADLINE_S) == 128 + 9
    assert kept.nothing_is_left()


@pytest.mark.parametrize("kept", [(WITH_A_CHILD,)], indirect=True)
def test_what_the_server_leaves_running_ends_with_it(kept: Kept) -> None:
    assert kept.process.wait(DEADLINE_S) == 7
    assert kept.nothing_is_left()


@pytest.mark.parametrize("kept", [(POLITE,)], indirect=True)
def test_sigterm_to_the_keeper_is_passed_on(kept: Kept) -> None:
    kept.process.terminate()
    assert kept.process.wait(DEADLINE_S) == 0
    assert kept.nothing_is_left()


@pytest.mark.parametrize("kept", [(POLITE,)], indirect=True)
def test_the_server_dies_with_a_keeper_that_is_killed(kept: Kept) -> None:
    kept.process.kill()
    kept.process.wait()
    deadline = time.monotonic() + DEADLINE_S
    while any(Path(f"/proc/{pid}").exists() for pid in kept.pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
