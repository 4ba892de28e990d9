"""The definition of a kind: it may be in the cluster before the stack, and outlives it.

With a definition the API server deletes every object of its kind, of whoever made it. So it stays when the stack goes,
or when `install` becomes `present`, and the next stack that installs it finds it there. The engine refuses to create
what exists (pulumi-kubernetes 4.29, "Use client-side create"); a Patch resource applies it, new or not, and takes over
what another version of it has otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResourcePatch
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import common

TAKES_OVER = {"pulumi.com/patchForce": "true"}
"""Each Patch has a field manager of its own, so that the one of a stack that is gone still has its fields
(pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply)."""


def kept_definition(
    name: str,
    called: str,
    spec: Mapping[str, Any],  # whatever a definition has
    *,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> CustomResourcePatch:
    """The definition `called` (`nodepools.karpenter.sh`); `labels` are the user's. Untyped, because a schema holds
    words (`x-kubernetes-…`, `$ref`) that the SDK's types would rename."""
    return CustomResourcePatch(
        name,
        api_version="apiextensions.k8s.io/v1",
        kind="CustomResourceDefinition",
        metadata=ObjectMetaArgs(name=called, annotations={**(annotations or {}), **TAKES_OVER}, labels=common(labels)),
        spec=spec,
        opts=ResourceOptions.merge(opts, ResourceOptions(retain_on_delete=True)),
    )
