"""kubectl, built with the cluster, against one kubeconfig."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.cluster.commands import run
from local.cluster.errors import ClusterError
from local.cluster.go_runtime import GO_RUNTIME

Object = Mapping[str, Any]
"""A Kubernetes object, as the API server wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """`env` is added to this process's environment. `looks` is asked before a `get` (local/cluster/looks.py): None is
    for kubectl to answer."""

    program: Path
    kubeconfig: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    looks: Callable[[Sequence[str]], Any] | None = None  # an object or a list of them, by what was asked

    def environment(self) -> dict[str, str]:
        return {**os.environ, **GO_RUNTIME, "KUBECONFIG": str(self.kubeconfig), **self.env}

    def with_env(self, **more: str) -> Kubectl:
        return replace(self, env={**self.env, **more})

    def attempt(
        self, *arguments: str, stdin: str | None = None, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it. ClusterError after `timeout_s`."""
        return run([str(self.program), *arguments], env=self.environment(), stdin=stdin, timeout_s=timeout_s)

    def run(self, *arguments: str, stdin: str | None = None, timeout_s: float = 120) -> str:
        """What it printed. ClusterError with what it complained about."""
        told = self.attempt(*arguments, stdin=stdin, timeout_s=timeout_s)
        if told.returncode != 0:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {told.stderr.strip()}")
        return told.stdout

    def get(self, *arguments: str) -> Any:  # an object or a list of them, by what was asked
        if self.looks is not None and (found := self.looks(arguments)) is not None:
            return found
        return json.loads(self.run("get", *arguments, "--output=json"))

    def items(self, *arguments: str) -> Sequence[Object]:
        return self.get(*arguments)["items"]

    def apply(self, *objects: Object, manager: str = "tritonup-cluster") -> str:
        """Server-side apply, which changes nothing where nothing differs."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        command = ["apply", "--server-side", f"--field-manager={manager}", "--filename=-"]
        return self.run(*command, stdin=json.dumps(listed))
