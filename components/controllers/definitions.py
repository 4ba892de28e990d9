"""The definitions of a controller's kinds, which are there before the controller and outlive it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from pulumi import Resource, ResourceOptions

from components.kept_definition import kept_definition

CRDS = "components.controllers.crds"
"""The package that has them as JSON, a file for each name."""


def definition_of(name: str) -> Mapping[str, Any]:  # whatever a definition has
    """The definition called `name` (`nodepools.karpenter.sh`). FileNotFoundError where this program brings none."""
    return json.loads(files(CRDS).joinpath(f"{name}.json").read_text(encoding="utf-8"))


def definitions(
    name: str, called: Sequence[str], *, labels: Mapping[str, str], opts: ResourceOptions
) -> list[Resource]:
    """Those of these names; `labels` are the user's."""
    return [_definition(f"{name}-{each}", each, labels, opts) for each in called]


def _definition(name: str, called: str, labels: Mapping[str, str], opts: ResourceOptions) -> Resource:
    read = definition_of(called)
    annotations = read["metadata"].get("annotations")
    return kept_definition(name, called, read["spec"], annotations=annotations, labels=labels, opts=opts)
