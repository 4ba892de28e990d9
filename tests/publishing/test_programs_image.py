"""The image of our own programs: equal bytes from equal parts, no more in it than it needs, and its program runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from small_repository import Keys, bytes_below, files, served_of

from local.cluster.errors import ClusterError
from local.cluster.image_archive import PackedImage, unpacked
from local.cluster.layout import LAYOUT
from local.cluster.programs_image import BUNDLE, programs_image
from publishing.pushing import push
from publishing.store import Store


class Printed:
    """Progress for a test's captured output."""

    @contextmanager
    def step(self, doing: str) -> Generator[None]:
        print(doing)
        yield

    def note(self, text: str) -> None:
        print(text)


def packed_in(folder: Path) -> PackedImage:
    """Packed anew, from packages and wheels that this machine may have already."""
    try:
        return programs_image(replace(LAYOUT, cache=folder), Printed())
    except ClusterError as refused:
        pytest.skip(str(refused))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> PackedImage:
    return packed_in(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def root(image: PackedImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's file system."""
    root = tmp_path_factory.mktemp("root")
    with unpacked(image) as layout:
        for blob in layout.blobs[:-1]:
            with tarfile.open(blob.path) as tar:
                tar.extractall(root, filter="fully_trusted")  # modes are looked at
    return root


def test_equal_parts_give_equal_bytes(image: PackedImage, tmp_path: Path) -> None:
    assert packed_in(tmp_path).digest == image.digest


def test_it_is_started_as_nobody_and_has_no_shell_and_no_program_but_python(image: PackedImage, root: Path) -> None:
    with unpacked(image) as layout:
        config = json.loads(layout.blobs[-1].path.read_bytes())["config"]
    assert config["User"] == "65532:65532"
    programs = [path for path in root.rglob("bin/*") if path.is_file() or path.is_symlink()]
    assert [str(path.relative_to(root)) for path in programs] == ["usr/bin/python3.11"]
    assert config["Entrypoint"][0] == "/usr/bin/python3.11"
    assert not [path for path in root.rglob("*") if path.name in {"sh", "dash", "bash", "pip"}]
    assert (root / BUNDLE).read_text().count("BEGIN CERTIFICATE") > 100


def test_no_file_of_it_can_be_changed_by_who_runs_it(root: Path) -> None:
    loose = [path for path in root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert loose == [root / "tmp"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the root directory of a process")
def test_its_program_brings_a_servers_models_as_any_user(root: Path, keys: Keys, tmp_path: Path) -> None:
    inside = tmp_path / "root"
    shutil.copytree(root, inside, symlinks=True)
    inside.chmod(0o755)  # pytest makes folders for their owner alone
    served = served_of(tmp_path / "here", files())
    push(Store(f"file://{inside}/store"), "vision", served, keys.key, keys.trust)
    (inside / "signing.json").write_text(json.dumps({"trusted": {"ci": keys.key.public.pem}}))
    models = inside / "models"
    models.mkdir()
    os.chown(models, 1000, 1000)
    told = subprocess.run(
        [
            *("chroot", "--userspec=1000:1000", str(inside), "/usr/bin/python3.11", "-IB", "-m", "programs"),
            *("models", "pull", "vision", f"--digest={served.digest}", "--store=file:///store", "--out=/models"),
            *("--signing=/signing.json", f"--bytes={served.total_bytes}"),
        ],
        env={"LANG": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert bytes_below(models / "vision" / served.digest) == files()
