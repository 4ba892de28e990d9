"""ModelVersion objects, and the definition of their kind (planning/model_versions.py says what they are).

What a version is never changes: the API server refuses it, by rules of its schema. What is seen of it, its status, is a
subresource: who may write that cannot change the rest. `tritonup models status --record` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi import Input, Resource, ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.kept_definition import kept_definition
from components.labels import of_server
from planning.model_versions import API_VERSION, DEFINITION, KIND, ModelVersion
from planning.model_versions_schema import definition_spec


def definition(name: str, *, labels: Mapping[str, str], opts: ResourceOptions) -> Resource:
    """The kind itself. It stays when the stack goes: with it, every stack's objects would go."""
    return kept_definition(name, DEFINITION, definition_spec(), labels=labels, opts=opts)


def model_version(
    version: ModelVersion, *, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> CustomResource:
    """A resource of its own for each digest: the old one goes when the roll-out has ended well, not before."""
    return CustomResource(
        version.name,
        api_version=API_VERSION,
        kind=KIND,
        metadata=ObjectMetaArgs(name=version.name, namespace=namespace, labels=of_server(version.server, labels)),
        spec=spec_of(version),
        opts=opts,
    )


def spec_of(version: ModelVersion) -> dict[str, Any]:  # JSON
    return {
        "server": version.server,
        "model": version.model,
        "version": version.number,
        "repositoryDigest": f"sha256:{version.repository}",
        "filesDigest": f"sha256:{version.files_digest}",
        "files": version.files,
        "bytes": version.bytes,
        "source": version.source,
    }
