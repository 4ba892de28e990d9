"""A handshake with the CUDA driver, as every CUDA program begins: what the pod of a driver's canary runs.

Its text goes into the image that serves (components/gpu/driver_canary.py), so it needs nothing but that image's Python
(3.10 or newer) and the driver's own libcuda.so.1, which the container toolkit mounts. It initialises the driver, counts
GPUs, takes the primary context of each, as the CUDA runtime does, and sends bytes to the GPU and back. Functions and
numbers are those of cuda.h, the CUDA driver API.

It is right with exit status 0 and one line. It is refused with 1, and the reason in the pod's termination message.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "libcuda.so.1"

MODULE_VERSION = Path("/sys/module/nvidia/version")
"""The version of the kernel's module, as the kernel shows that of each module (sysfs-module)."""

TERMINATION_LOG = Path("/dev/termination-log")
"""Kubernetes' default `terminationMessagePath`."""

BYTES = 2**20
"""Large enough to go by DMA, and small beside any share of a GPU's memory."""

CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""

NAME_LENGTH = 256


class RefusedError(Exception):
    """The driver is not what the plan needs. The message says what it is, and what to look at."""


@dataclass(frozen=True)
class Wanted:
    """`cuda` is of the image, `driver` a version to the last digit, `capability` the GPU's; None is not asked for."""

    cuda: tuple[int, int] | None
    driver: str | None
    capability: tuple[int, int] | None


class Cuda:
    """The driver's library. RefusedError names the call that failed, and what the driver calls its result."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def call(self, function: str, *arguments: object) -> None:
        try:
            called = getattr(self._library, function)
        except AttributeError:
            raise RefusedError(f"{LIBRARY} has no {function}: it is not a whole driver.") from None
        result = int(called(*arguments))
        if result != 0:
            raise RefusedError(f"{function} gave {result} ({self._named(result)}).")

    def number(self, function: str, *arguments: object) -> int:
        value = ctypes.c_int()
        self.call(function, ctypes.byref(value), *arguments)
        return value.value

    def _named(self, result: int) -> str:
        name = ctypes.c_char_p()
        try:
            self._library.cuGetErrorName(result, ctypes.byref(name))
        except AttributeError:
            return "no name"
        return name.value.decode(errors="replace") if name.value else "no name"


def shake(load: Callable[[str], ctypes.CDLL], module_version: Path, wanted: Wanted) -> str:
    """What was found, in a line. RefusedError where it is not what is wanted, or does not work."""
    driver = _module(module_version)
    try:
        cuda = Cuda(load(LIBRARY))
    except OSError as failed:
        raise RefusedError(
            f"{LIBRARY} cannot be loaded ({failed}): the node's container toolkit mounted no driver."
        ) from None
    cuda.call("cuInit", 0)
    version = cuda.number("cuDriverGetVersion")
    speaks = (version // 1000, version % 1000 // 10)
    _judge(driver, speaks, wanted)
    count = cuda.number("cuDeviceGetCount")
    if count < 1:
        raise RefusedError("The driver counts no GPU, and the pod has one.")
    gpus = [_gpu(cuda, ordinal, wanted) for ordinal in range(count)]
    return f"Driver {driver or 'of unknown version'} (CUDA {speaks[0]}.{speaks[1]}) answers on {', '.join(gpus)}."


def _judge(driver: str | None, speaks: tuple[int, int], wanted: Wanted) -> None:
    """By CUDA's minor-version compatibility a driver runs what was built for its own major version of CUDA or an older
    one (docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html)."""
    if wanted.driver is not None and driver != wanted.driver:
        raise RefusedError(
            f"The node runs driver {driver or 'of unknown version'}, and {wanted.driver} is wanted: it was not"
            " upgraded, or its old module is still loaded."
        )
    if wanted.cuda is not None and speaks[0] < wanted.cuda[0]:
        raise RefusedError(
            f"The driver speaks CUDA {speaks[0]}.{speaks[1]}, and the image that serves has CUDA"
            f" {wanted.cuda[0]}.{wanted.cuda[1]}: the driver is too old."
        )


def _gpu(cuda: Cuda, ordinal: int, wanted: Wanted) -> str:
    device = ctypes.c_int()
    cuda.call("cuDeviceGet", ctypes.byref(device), ordinal)
    text = ctypes.create_string_buffer(NAME_LENGTH)
    cuda.call("cuDeviceGetName", text, NAME_LENGTH, device)
    name = text.value.decode(errors="replace")
    major = cuda.number("cuDeviceGetAttribute", CAPABILITY_MAJOR, device)
    minor = cuda.number("cuDeviceGetAttribute", CAPABILITY_MINOR, device)
    if wanted.capability is not None and (major, minor) != wanted.capability:
        raise RefusedError(
            f"GPU {ordinal} is {name} with compute capability {major}.{minor}, and the pool is planned with"
            f" {wanted.capability[0]}.{wanted.capability[1]}."
        )
    context = ctypes.c_void_p()
    cuda.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    cuda.call("cuCtxSetCurrent", context)
    _there_and_back(cuda, ordinal)
    # Only what went well is put away: after a fault every call fails, and the first one says why.
    cuda.call("cuDevicePrimaryCtxRelease_v2", device)
    return f"{name} ({major}.{minor})"


def _there_and_back(cuda: Cuda, ordinal: int) -> None:
    sent = os.urandom(BYTES)
    back = ctypes.create_string_buffer(BYTES)
    address = ctypes.c_uint64()
    size = ctypes.c_size_t(BYTES)
    cuda.call("cuMemAlloc_v2", ctypes.byref(address), size)
    cuda.call("cuMemcpyHtoD_v2", address, ctypes.c_char_p(sent), size)
    cuda.call("cuMemcpyDtoH_v2", back, address, size)
    cuda.call("cuCtxSynchronize")
    if back.raw != sent:
        raise RefusedError(f"GPU {ordinal} gave back other bytes than it was sent.")
    cuda.call("cuMemFree_v2", address)


def _module(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def _pair(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def main(arguments: Sequence[str]) -> int:
    asked = argparse.ArgumentParser(prog="handshake", description=__doc__)
    asked.add_argument("--cuda", type=_pair, help="of the image that serves, such as 13.1")
    asked.add_argument("--driver", help="the whole version that the node must run")
    asked.add_argument("--capability", type=_pair, help="compute capability that the pool is planned with")
    asked.add_argument("--module-version", type=Path, default=MODULE_VERSION, help="where the kernel says it")
    given = asked.parse_args(arguments)
    wanted = Wanted(cuda=given.cuda, driver=given.driver, capability=given.capability)
    try:
        said, status = shake(ctypes.CDLL, given.module_version, wanted), 0
    except RefusedError as refused:
        said, status = str(refused), 1
    print(said, file=sys.stderr if status else sys.stdout, flush=True)
    if status and TERMINATION_LOG.exists():
        TERMINATION_LOG.write_text(said, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
