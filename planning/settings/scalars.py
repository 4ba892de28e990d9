"""The vocabulary of a stack file: names, labels, networks and versions, each a text with its rule."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema


def _cidr(text: str) -> str:
    # Python's own message quotes what was written, which may be a secret in the wrong line.
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be a network in CIDR notation, such as 10.0.0.0/16") from None
    if ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f"has bits set beyond its prefix: the network is {network}")
    return str(network)


@dataclass(frozen=True, slots=True)
class Distinct:
    """Marks a list that must not hold anything twice."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(items: list[object]) -> list[object]:
            if any(item in items[:index] for index, item in enumerate(items)):
                raise ValueError("must not hold anything twice")
            return items

        return core_schema.no_info_after_validator_function(validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "uniqueItems": True}


CidrBlock = Annotated[str, AfterValidator(_cidr), Field(examples=["10.0.0.0/16"])]
"""A network in CIDR notation, without host bits."""

Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"), Field(examples=["l4-spot", "vision"])
]
"""A name of ours that becomes part of object names: a DNS label of at most 40 characters (RFC 1123), so
that suffixes fit into Kubernetes' 63."""

Namespace = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$"), Field(examples=["inference"])
]
"""A Kubernetes namespace of at most 40 characters: it is part of the names of cluster-scoped objects."""

ModelName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}$"), Field(examples=["digits"])
]
"""A model's directory in the repository."""

TritonReleaseName = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}\.(0[1-9]|1[0-2])$"), Field(examples=["26.08"])]
"""An NVIDIA release of Triton, year and month: 26.08."""

ImageDigest = Annotated[str, StringConstraints(pattern=r"^sha256:[a-f0-9]{64}$")]
"""The content of an image. Tags move; digests do not."""

LabelValue = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"),
    Field(examples=["ml-platform"]),
]
LabelKey = Annotated[
    str,
    StringConstraints(
        pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
    ),
    Field(examples=["team", "acme.example/team"]),
]
Labels = dict[LabelKey, LabelValue]

OLDEST_KUBERNETES = 30
"""Minor version. Every pod leaves by `preStop.sleep`, which an API server knows by default from 1.30 on (feature
gate PodLifecycleSleepAction: alpha in 1.29, beta in 1.30). ValidatingAdmissionPolicy is v1 from 1.30 on too (KEP-3488),
and the rules on pods are one."""


def _kubernetes(text: str) -> str:
    if int(text.partition(".")[2]) < OLDEST_KUBERNETES:
        raise ValueError(f"is older than 1.{OLDEST_KUBERNETES}, the first that lets a pod sleep before it stops")
    return text


KubernetesVersion = Annotated[
    str, StringConstraints(pattern=r"^1\.[0-9]{2}$"), AfterValidator(_kubernetes), Field(examples=["1.35"])
]
"""A minor version of Kubernetes, 1.30 or newer: 1.35."""

KeyFingerprint = Annotated[
    str,
    StringConstraints(pattern=r"^[a-f0-9]{64}$"),
    Field(examples=["d1cf66322959f030523bea4ea45f2424c66ed26fc63f4ca57ddd63ccea9c852e"]),
]
"""Which key: SHA-256 of its PEM file, as `sha256sum key.pub` prints it."""
