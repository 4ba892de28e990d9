"""The command that a kubeconfig asks for tokens, looked for before anything is made: without it the cluster would be
made, and the first object in it would fail."""

from __future__ import annotations

import shutil

import pulumi


class NoTokenPluginError(pulumi.RunError):
    """The command is not on the PATH of the machine that deploys."""


def require_token_plugin(command: str, *, install: str) -> None:
    """`install` says how to come by it. Called where the engine runs, never to render: rendering calls no cluster."""
    if shutil.which(command) is None:
        raise NoTokenPluginError(
            f"cluster.kind: `{command}` is not on the PATH, and the cluster's kubeconfig asks it for a token at every"
            f" call; nothing was made. {install}"
        )
