"""What no pod or container of ours may do: what restricted Pod Security refuses, and writing to its root."""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    PodSecurityContextArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
)

NOBODY = 65532
"""Nobody's on any node."""


def restricted(*, user: int | None = None) -> SecurityContextArgs:
    """`user`, and its group of the same number, where the image's own will not do."""
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def as_user(user: int, *, owns_volumes: bool = False) -> PodSecurityContextArgs:
    """A pod of `user`, and its group of the same number. `owns_volumes`: files of its volumes are that group's; they
    may be many, and are changed where the first is another's alone."""
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        fs_group=user if owns_volumes else None,
        fs_group_change_policy="OnRootMismatch" if owns_volumes else None,
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def as_nobody() -> PodSecurityContextArgs:
    """A pod of no user of the node's, to whose group what it reads belongs."""
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=NOBODY,
        run_as_group=NOBODY,
        fs_group=NOBODY,
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )
