"""The definitions of a controller's kinds, which are there before the controller and outlive it.

They stay in the cluster when the stack goes, or when `install` becomes `present`: with a definition the API server
deletes every object of its kind, of whoever made it. What is kept so is deleted by hand (docs/how-to/eks.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from pulumi import Resource, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import common

CRDS = "components.controllers.crds"
"""The package that has them as JSON, a file for each name."""


def definition_of(name: str) -> Mapping[str, Any]:  # whatever a definition has
    """The definition called `name` (`nodepools.karpenter.sh`). FileNotFoundError where this program brings none."""
    return json.loads(files(CRDS).joinpath(f"{name}.json").read_text(encoding="utf-8"))


def definitions(
    name: str, called: Sequence[str], *, labels: Mapping[str, str], opts: ResourceOptions
) -> list[Resource]:
    """Those of these names; `labels` are the user's."""
    staying = ResourceOptions.merge(opts, ResourceOptions(retain_on_delete=True))
    return [_definition(f"{name}-{each}", definition_of(each), labels, staying) for each in called]


def _definition(name: str, read: Mapping[str, Any], labels: Mapping[str, str], opts: ResourceOptions) -> CustomResource:
    """Untyped, because a schema holds words (`x-kubernetes-…`, `$ref`) that the SDK's types would rename."""
    metadata = read["metadata"]
    return CustomResource(
        name,
        api_version=read["apiVersion"],
        kind=read["kind"],
        metadata=ObjectMetaArgs(name=metadata["name"], annotations=metadata.get("annotations"), labels=common(labels)),
        spec=read["spec"],
        opts=opts,
    )
