"""The folder where the engine works for one cluster: state, passphrase, home, and the project as the engine sees it.

Nothing of it lies where the user's own Pulumi looks: no login, no selected stack, no stack file is read or written.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.cluster.errors import ClusterError
from local.engine.installed import IGNORE_AMBIENT, Installed

SALT = "encryptionsalt"
"""What the engine writes into a stack file for its passphrase; lost, the secrets of the state are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """`root` goes with the cluster that it is for; `ends_with_cluster` says that ending ours removes it."""

    root: Path
    ends_with_cluster: bool

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def passphrase(self) -> Path:
        return self.root / "passphrase"

    @property
    def kubeconfig(self) -> Path:
        """There only while the engine runs."""
        return self.root / "kubeconfig"

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The child's. Of the user's Pulumi it inherits nothing that names a backend, a stack, a secret or a way of
        working, and of kubectl no cluster."""
        kept = {
            name: value
            for name, value in inherited.items()
            if name == IGNORE_AMBIENT or not (name.startswith("PULUMI_") or name == "KUBECONFIG")
        }
        return kept | {
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase),
            "PULUMI_HOME": str(self.home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The environment holds the SDKs of clouds too, whose providers the engine would fetch.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "NO_COLOR": "1",
        }

    def lay_out(self, installed: Installed) -> None:
        """Make what is not there yet. The passphrase is this workplace's own and never changes."""
        for folder in (self.root, self.state, self.project, self.home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.passphrase.exists():
            _write_private(self.passphrase, secrets.token_urlsafe(32))
        link = self.home / "plugins"
        if link.is_symlink() and link.readlink() != installed.plugins:
            link.unlink()
        if not link.is_symlink() and installed.plugins.is_dir():
            link.symlink_to(installed.plugins, target_is_directory=True)

    def stage(self, project: Path, stack: str, settings: Mapping[str, Any], packed: Mapping[str, str]) -> None:
        """The project at `project` with `settings` for its stack, the digests of `packed` for images that it names by
        these tags, and this workplace's kubeconfig as its cluster. Only files of this workplace are written: the
        program itself stays where it is."""
        declared = yaml.safe_load((project / "Pulumi.yaml").read_text(encoding="utf-8"))
        runtime = declared["runtime"]
        options = {**runtime.get("options", {}), "virtualenv": str(project / ".venv")}
        declared |= {"runtime": {**runtime, "options": options}, "main": str(project)}
        _write_yaml(self.project / "Pulumi.yaml", declared)
        file = self.project / f"Pulumi.{stack}.yaml"
        staged: dict[str, Any] = {
            "config": {
                "tritonup:settings": settings,
                "tritonup:kubeconfig": str(self.kubeconfig),
                **({"tritonup:packed_images": dict(packed)} if packed else {}),
            },
        }
        before: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
        if SALT in before:
            staged[SALT] = before[SALT]
        _write_yaml(file, staged)

    @contextmanager
    def holding(self, kubeconfig: str) -> Generator[int]:
        """Only one engine at a time works here; the lock's descriptor, which the engine is to inherit, so that it
        lasts as long as anything of the engine does. `kubeconfig` is there meanwhile."""
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ClusterError(
                    f"Another `pulumi` is at work in {self.root}. Wait for its end, then retry."
                ) from None
            self.kubeconfig.unlink(missing_ok=True)
            _write_private(self.kubeconfig, kubeconfig)
            yield lock
        finally:
            self.kubeconfig.unlink(missing_ok=True)
            os.close(lock)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def _write_yaml(path: Path, document: object) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    unfinished.rename(path)


def _write_private(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    unfinished.rename(path)
