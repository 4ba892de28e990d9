"""What two commands would spoil is done by one at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local.cluster.errors import ClusterError
from local.cluster.lock import alone

WHAT = "trying a lock"

HOLDER = f"""
from local.cluster.lock import alone
with alone({WHAT!r}):
    print("held", flush=True)
    input()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's, as the cluster is")


def test_a_second_command_is_refused_until_the_first_has_ended_however_it_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ClusterError, match=f"Another command is {WHAT} now"), alone(WHAT):
            pass
        holder.kill()
    with alone(WHAT), pytest.raises(ClusterError), alone(WHAT):
        pass
    with alone(WHAT):
        pass


def test_other_things_may_be_done_meanwhile() -> None:
    with alone(WHAT), alone(f"{WHAT} of another name"):
        pass
