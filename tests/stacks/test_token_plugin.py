"""A machine that could make a cluster but not talk to it is told so before it pays for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.clusters.eks.kubeconfig import INSTALL, TOKEN_PLUGIN
from stacks.token_plugin import NoTokenPluginError, require_token_plugin


def test_without_the_command_it_is_said_what_is_missing_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoTokenPluginError, match=r"`aws` is not on the PATH.*nothing was made.*version 2"):
        require_token_plugin(TOKEN_PLUGIN, install=INSTALL)


def test_a_command_on_the_path_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / TOKEN_PLUGIN
    command.write_text("#!/bin/sh\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    require_token_plugin(TOKEN_PLUGIN, install=INSTALL)
