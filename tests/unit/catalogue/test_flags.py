"""The flag table is what real servers accept."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planning.catalogue.flags import FLAGS, OLDEST_READ, known_flags
from planning.catalogue.releases import RELEASES

PACKAGES = Path(__file__).parents[3] / ".venv-triton/lib/python3.11/site-packages"
SERVER = PACKAGES / "pytriton/tritonserver/bin/tritonserver"
SERVER_RELEASE = "24.10"
"""nvidia-pytriton 0.7.0 carries tritonserver 2.51.0."""


@cache
def _real_flags() -> frozenset[str]:
    libraries = os.pathsep.join([str(PACKAGES / "nvidia_pytriton.libs"), str(sysconfig.get_config_var("LIBDIR"))])
    told = subprocess.run(
        [str(SERVER), "--help"],
        env={"LD_LIBRARY_PATH": libraries},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "Usage: tritonserver" not in told.stdout + told.stderr:
        pytest.skip(f"the real tritonserver does not run on this machine: {(told.stderr or 'no output')[:200]}")
    return frozenset(re.findall(r"^  --([a-z0-9-]+)", told.stdout + told.stderr, flags=re.MULTILINE))


@pytest.mark.skipif(not SERVER.exists(), reason="no real tritonserver here: `make serve` installs one")
def test_the_real_server_knows_exactly_the_flags_that_its_release_is_said_to_know() -> None:
    assert known_flags(SERVER_RELEASE) == _real_flags() & set(FLAGS)


@given(st.sampled_from(sorted(RELEASES)), st.sampled_from(sorted(FLAGS)))
def test_a_release_knows_a_flag_from_its_introduction_until_its_removal(tag: str, name: str) -> None:
    flag = FLAGS[name]
    begun = flag.introduced is None or flag.introduced <= tag
    gone = flag.removed is not None and flag.removed <= tag
    assert (name in known_flags(tag)) == (begun and not gone)


def test_a_flag_that_came_later_says_when_and_where_that_was_seen() -> None:
    for flag in FLAGS.values():
        if flag.introduced is not None:
            assert flag.introduced > OLDEST_READ
            assert re.search(r"absent in v\S+ \((\d\d\.\d\d)\), present in v", flag.source)


def test_clients_are_kept_from_shared_memory_only_by_servers_that_can() -> None:
    assert "allow-client-shm" not in known_flags("26.03")
    assert "allow-client-shm" in known_flags("26.04")


@pytest.mark.parametrize("tag", ["24.09", "23.12"])
def test_a_release_older_than_was_read_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match=OLDEST_READ):
        known_flags(tag)
