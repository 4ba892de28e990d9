"""The real Pulumi engine on a copy of the project, with its state in a folder of the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROOMS = ("planning", "components", "stacks", "model_repository")
PROVIDER = "pulumi-resource-kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return f"{self.stdout}\n{self.stderr}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """`project` is the copied project: its stack files can be edited."""

    project: Path
    env: Mapping[str, str]

    def run(self, *args: str, timeout: int = 180) -> Ran:
        ran = subprocess.run(
            ["pulumi", *args, "--non-interactive"],
            cwd=self.project,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        return Ran(code=ran.returncode, stdout=ran.stdout, stderr=ran.stderr)

    def succeed(self, *args: str) -> Ran:
        ran = self.run(*args)
        assert ran.code == 0, ran.output
        return ran

    def stack_file(self, stack: str) -> Path:
        return self.project / f"Pulumi.{stack}.yaml"

    def edit(self, stack: str, old: str, new: str) -> None:
        path = self.stack_file(stack)
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{path.name} does not hold {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def use(self, stack: str, kubeconfig: Path) -> None:
        """Make the stack, for the cluster of `kubeconfig`."""
        self.succeed("stack", "init", stack)
        self.succeed("config", "set", "--stack", stack, "kubeconfig", str(kubeconfig))

    def steps(self, *args: str) -> list[dict[str, Any]]:
        """What a preview would do, resource by resource."""
        return json.loads(self.succeed("preview", "--json", *args).stdout)["steps"]

    def resources(self, stack: str) -> list[str]:
        """The types in the stack's state, without the stack itself."""
        state = json.loads(self.succeed("stack", "export", "--stack", stack).stdout)
        types = [one["type"] for one in state["deployment"].get("resources") or []]
        return [name for name in types if name != "pulumi:pulumi:Stack"]


def why_not() -> str | None:
    """What keeps the engine from being used on this machine, or None."""
    if shutil.which("pulumi") is None:
        return "the pulumi command line is not on the PATH"
    if shutil.which(PROVIDER) is not None:
        return None
    listed = subprocess.run(
        ["pulumi", "plugin", "ls", "--json"], capture_output=True, text=True, check=False, timeout=60
    )
    plugins = json.loads(listed.stdout or "[]") if listed.returncode == 0 else []
    if any((plugin["kind"], plugin["name"]) == ("resource", "kubernetes") for plugin in plugins):
        return None
    return f"Pulumi's Kubernetes provider is neither installed as a plugin nor on the PATH ({PROVIDER})"


def engine_in(folder: Path) -> Engine:
    """A copy of the project in `folder`, run by the interpreter that runs the tests."""
    project, state = folder / "project", folder / "state"
    project.mkdir()
    state.mkdir()
    for name in ("__main__.py", "Pulumi.yaml", *(path.name for path in ROOT.glob("Pulumi.*.yaml"))):
        shutil.copy(ROOT / name, project / name)
    for room in ROOMS:
        (project / room).symlink_to(ROOT / room, target_is_directory=True)
    (project / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    inherited = {key: value for key, value in os.environ.items() if key not in ("KUBECONFIG", "PULUMI_ACCESS_TOKEN")}
    return Engine(
        project=project,
        env=inherited
        | {
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "NO_COLOR": "1",
        },
    )
