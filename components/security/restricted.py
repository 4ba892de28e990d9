"""What no container of a serving pod may do: what restricted Pod Security refuses, and writing to its root."""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import CapabilitiesArgs, SeccompProfileArgs, SecurityContextArgs


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
