"""Small variants of stack `local`: room for a rolling update beside them on a machine of two cores, and every model's
version as an object, whose kind comes in the same `pulumi up`."""

from __future__ import annotations

import copy
from typing import Any


def small_server(settings: dict[str, Any], namespace: str, *names: str) -> None:
    """Make `settings` serve one small model by each of the servers `names`."""
    (server,) = settings["servers"].values()
    small = {**server, "models": ["digits"], "resources": {"cpu": "500m", "memory": "1Gi"}}
    settings["namespace"] = namespace
    settings["model_repository"]["versions"] = "install"
    settings["servers"] = {name: copy.deepcopy(small) for name in names}
