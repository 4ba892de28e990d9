"""The settings as the Pulumi engine hands them over: the only reader of `pulumi.Config`."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from planning.findings import Finding
from planning.settings.reading import read_settings
from planning.settings.root import Settings

PROJECT = "tritonup"


class RefusedError(pulumi.RunError):
    """The stack cannot be deployed. The message holds every finding, a line each. The engine prints the message of
    a RunError alone, without a traceback."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        lines = "\n".join(f"  {finding}" for finding in findings)
        super().__init__(f"{len(findings)} finding(s) keep this stack from serving:\n{lines}")
        self.findings = findings


def settings_of_stack() -> Settings:
    """`tritonup:settings` of the stack that is being deployed. RefusedError names everything wrong with it."""
    read = read_settings(pulumi.Config(PROJECT).require_object("settings"))
    if isinstance(read, Settings):
        return read
    raise RefusedError(read)


def kubeconfig() -> str | None:
    """`tritonup:kubeconfig`: a path, for clusters that this stack does not make; None where it is empty."""
    return pulumi.Config(PROJECT).get("kubeconfig") or None


def packed_images() -> Mapping[str, str]:
    """`tritonup:packed_images`: digests of images by their tags. `tritonup up` says them, no stack file does."""
    return pulumi.Config(PROJECT).get_object("packed_images") or {}


def context() -> str | None:
    """`tritonup:context`: of that kubeconfig; None where it is empty."""
    return pulumi.Config(PROJECT).get("context") or None
