"""A container of no stack that keeps to every rule of the namespace: what tests tamper with."""

from __future__ import annotations

from typing import Any

PINNED = "registry.example/tool@sha256:" + "0" * 64


def container(name: str = "tool") -> dict[str, Any]:
    return {
        "name": name,
        "image": PINNED,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
