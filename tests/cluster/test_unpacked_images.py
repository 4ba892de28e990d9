"""Images are unpacked once for all nodes: whole or not at all, and nothing of a node reaches another's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_target import Printed

from local.cluster.binaries import PAUSE, build
from local.cluster.debian import DebianTree, node_tree
from local.cluster.layout import LAYOUT, STATE, Layout
from local.cluster.program_image import pause_image
from local.cluster.unpacked_images import BUILDING, LENT, lend, unpacked_images

UNPACK = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, "tests/cluster")
from cluster_target import Printed
from local.cluster.debian import node_tree
from local.cluster.layout import LAYOUT
from local.cluster.unpacked_images import unpacked_images
unpacked_images(node_tree(LAYOUT, Printed()), replace(LAYOUT, cache=Path(sys.argv[1])), Printed())
"""


@pytest.fixture
def debian(machine: None, progress: Printed) -> DebianTree:
    return node_tree(LAYOUT, progress)


@pytest.fixture
def layout(debian: DebianTree, progress: Printed, tmp_path: Path) -> Layout:
    """With one small image in the cache."""
    archive = pause_image(build([PAUSE], LAYOUT, progress), LAYOUT).archive
    (tmp_path / "images").mkdir()
    shutil.copy(archive, tmp_path / "images")
    return replace(LAYOUT, cache=tmp_path)


def building() -> list[Path]:
    return list(STATE.parent.glob(f"{BUILDING}*"))


def test_unpacking_that_was_killed_is_done_by_the_next_and_leaves_nothing(
    debian: DebianTree, layout: Layout, progress: Printed
) -> None:
    killed = subprocess.Popen([sys.executable, "-c", UNPACK, str(layout.cache)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any((folder / "socket").exists() for folder in building()):
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    there = unpacked_images(debian, layout, progress)
    assert building() == []
    assert sorted(path.name for path in (layout.cache / "unpacked").iterdir()) == [there.name]
    assert all(list((there / folder).iterdir()) for folder in LENT)


def test_what_a_node_removes_stays_for_the_others(
    debian: DebianTree, layout: Layout, progress: Printed, tmp_path: Path
) -> None:
    there = unpacked_images(debian, layout, progress)
    before = sorted(there.rglob("*"))
    lend(there, tmp_path / "one")
    lend(there, tmp_path / "other")
    shutil.rmtree(tmp_path / "one")
    assert sorted(there.rglob("*")) == before
    assert all(
        (tmp_path / "other" / folder / entry.name).exists() for folder in LENT for entry in (there / folder).iterdir()
    )


def test_the_same_images_are_unpacked_once(debian: DebianTree, layout: Layout, progress: Printed) -> None:
    first = unpacked_images(debian, layout, progress)
    made = first.stat().st_mtime_ns
    assert unpacked_images(debian, layout, progress) == first
    assert first.stat().st_mtime_ns == made
