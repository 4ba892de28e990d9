"""Security choices that are not the same everywhere. Everything else is on, without a switch."""

from __future__ import annotations

from planning.settings.base import Strict
from planning.settings.scalars import Labels, ModelName


class Security(Strict):
    python_models: list[ModelName] = []
    """Models that may run code of their own in the server (Triton's Python backend has no sandbox)."""
    dns: Labels = {"k8s-app": "kube-dns"}
    """Labels of the cluster's DNS pods in kube-system."""
