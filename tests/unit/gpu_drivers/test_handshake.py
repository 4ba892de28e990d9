"""The handshake as the process that a canary's pod runs, with a library that keeps the driver API's order."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.gpu import handshake
from tests.compiler import compile_library, find_compiler

ROOT = Path(__file__).parents[3]
SOURCE = Path(__file__).with_name("libcuda.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A folder with the library, and what the kernel says of its module."""

    folder: Path

    def shake(self, *arguments: str, **faults: str) -> subprocess.CompletedProcess[str]:
        """As in the pod: the file alone, by an interpreter that sees nothing of this project."""
        return subprocess.run(
            [sys.executable, "-I", handshake.__file__, f"--module-version={self.folder / 'version'}", *arguments],
            env={"LD_LIBRARY_PATH": str(self.folder), "PATH": os.environ["PATH"], **faults},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    compiler = find_compiler(ROOT)
    if isinstance(compiler, str):
        pytest.skip(compiler)
    folder = tmp_path_factory.mktemp("driver")
    compile_library(compiler, SOURCE, folder / handshake.LIBRARY)
    (folder / "version").write_text("580.95.05\n", encoding="ascii")
    return Driver(folder=folder)


def test_a_driver_that_answers_is_right_and_says_which_it_is(driver: Driver) -> None:
    done = driver.shake("--cuda=13.0", "--driver=580.95.05", "--capability=8.6")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Driver 580.95.05 (CUDA 13.0) answers on Stand-in A10G (8.6).\n"


def test_every_gpu_of_the_pod_is_asked(driver: Driver) -> None:
    done = driver.shake(STAND_IN_GPUS="3")
    assert done.returncode == 0
    assert done.stdout.count("Stand-in A10G") == 3


@pytest.mark.parametrize(
    ("arguments", "faults", "said"),
    [
        ((), {"STAND_IN_FAILS": "cuInit:803"}, "cuInit gave 803 (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)."),
        ((), {"STAND_IN_FAILS": "cuDeviceGetCount:100"}, "cuDeviceGetCount gave 100 (CUDA_ERROR_NO_DEVICE)."),
        ((), {"STAND_IN_FAILS": "cuDevicePrimaryCtxRetain:999"}, "cuDevicePrimaryCtxRetain gave 999 (no name)."),
        ((), {"STAND_IN_FAILS": "cuMemAlloc_v2:2"}, "cuMemAlloc_v2 gave 2 (no name)."),
        ((), {"STAND_IN_FAILS": "cuMemcpyDtoH_v2:700"}, "cuMemcpyDtoH_v2 gave 700 (no name)."),
        ((), {"STAND_IN_GPUS": "0"}, "The driver counts no GPU, and the pod has one."),
        ((), {"STAND_IN_FORGETS": "yes"}, "GPU 0 gave back other bytes than it was sent."),
        (("--cuda=13.1",), {"STAND_IN_CUDA": "12090"}, "speaks CUDA 12.9, and the image that serves has CUDA 13.1"),
        (("--driver=590.48.01",), {}, "The node runs driver 580.95.05, and 590.48.01 is wanted"),
        (("--capability=9.0",), {}, "compute capability 8.6, and the pool is planned with 9.0."),
    ],
)
def test_what_is_wrong_is_refused_and_named(
    driver: Driver, arguments: tuple[str, ...], faults: dict[str, str], said: str
) -> None:
    done = driver.shake(*arguments, **faults)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_driver_of_the_same_major_version_runs_newer_images_of_it(driver: Driver) -> None:
    assert driver.shake("--cuda=13.1", STAND_IN_CUDA="13000").returncode == 0


def test_a_node_without_a_driver_is_refused(driver: Driver, tmp_path: Path) -> None:
    done = Driver(folder=tmp_path).shake()
    assert done.returncode == 1
    assert "libcuda.so.1 cannot be loaded" in done.stderr


def test_a_wanted_driver_that_the_kernel_does_not_name_is_refused(driver: Driver) -> None:
    done = driver.shake("--driver=580.95.05", "--module-version=/nowhere")
    assert done.returncode == 1
    assert "The node runs driver of unknown version, and 580.95.05 is wanted" in done.stderr
