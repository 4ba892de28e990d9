"""Kubeconfigs: one for each program, one for the user."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from local.cluster.certificates import Authority

CONTEXT = "tritonup"


def write_kubeconfig(path: Path, *, authority: Authority, identity: str, server: str) -> None:
    """Write `path`, readable by its owner alone. JSON is YAML, and needs no quoting rules."""

    def inline(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": CONTEXT,
                "cluster": {"server": server, "certificate-authority-data": inline(authority.certificate("ca"))},
            }
        ],
        "users": [
            {
                "name": identity,
                "user": {
                    "client-certificate-data": inline(authority.certificate(identity)),
                    "client-key-data": inline(authority.key(identity)),
                },
            }
        ],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": identity}}],
        "current-context": CONTEXT,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
    unfinished.rename(path)
