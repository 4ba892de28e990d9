"""The kernel's log of the node that this process runs on, by syslog(2).

/dev/kmsg has the same lines, but a container may open devices only when it is privileged. syslog(2) asks for one
capability, CAP_SYSLOG, and the container runtimes' seccomp profiles let it pass then (containerd
contrib/seccomp/seccomp_default.go). No path of the node is needed. The log is the kernel's, in whatever container.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

READ_ALL, SIZE = 3, 10
"""SYSLOG_ACTION_READ_ALL and SYSLOG_ACTION_SIZE_BUFFER (syslog(2))."""

BOOT = Path("/proc/sys/kernel/random/boot_id")


def kernel_log() -> str:
    """All that it holds: the latest lines, without taking them out. OSError where this process may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(_called(libc.klogctl(SIZE, None, 0)))
    length = _called(libc.klogctl(READ_ALL, buffer, len(buffer)))
    return buffer.raw[:length].decode(errors="replace")


def boot_id() -> str:
    return BOOT.read_text(encoding="ascii").strip()


def _called(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"the kernel's log cannot be read (it takes CAP_SYSLOG): {os.strerror(number)}")
    return result
