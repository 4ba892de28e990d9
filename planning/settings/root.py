"""The whole of `tritonup:settings`: what one environment shall be."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from planning.settings.base import Strict
from planning.settings.cluster import Cluster
from planning.settings.controllers import Controllers
from planning.settings.images import Images
from planning.settings.monitoring import Monitoring
from planning.settings.pools import GpuPool
from planning.settings.repository import ModelRepository
from planning.settings.scalars import Labels, Name, Namespace
from planning.settings.security import Security
from planning.settings.servers import Server

RuleId = Annotated[str, StringConstraints(pattern=r"^TU[0-9]{3}$")]


SERVICE_SUFFIXES = ("-headless", "-external")
"""What further Services of a server are named with: `text-headless` is one of server `text`."""

NAMESPACE_POLICY = "default-deny"
"""The NetworkPolicy of the whole namespace; each server has one of its own name beside it."""


ENGINES = ("engine-builder", "engine-sources", "engines")
"""What builders of engines are called, and where their files lie below the destination (planning/engines)."""


def _server_name(name: str) -> str:
    if name in ENGINES:
        raise ValueError("is a name that the building of engines has")
    if name == NAMESPACE_POLICY:
        raise ValueError("is the name of the namespace's own NetworkPolicy")
    if name.endswith(SERVICE_SUFFIXES):
        raise ValueError(f"ends in {' or '.join(SERVICE_SUFFIXES)}, as further Services of servers do")
    return name


def _own_namespace(name: str) -> str:
    if name == "default" or name.startswith("kube-"):
        raise ValueError("is Kubernetes' own: the stack makes its namespace and denies all other traffic in it")
    return name


ServerName = Annotated[Name, AfterValidator(_server_name)]
OwnNamespace = Annotated[Namespace, AfterValidator(_own_namespace)]


class Acceptance(Strict):
    """A warning that is known and lived with."""

    rule: RuleId
    at: str | None = None
    """The field that the warning names; left out, wherever the rule applies."""
    reason: Annotated[str, Field(min_length=10)]


class Settings(Strict):
    """One environment, complete in itself."""

    namespace: OwnNamespace = "inference"
    """Made by this stack, for itself alone."""
    cluster: Cluster
    controllers: Controllers = Controllers()
    images: Images = Images()
    gpu_pools: dict[Name, GpuPool] = {}
    model_repository: ModelRepository
    servers: Annotated[dict[ServerName, Server], Field(min_length=1)]
    monitoring: Monitoring
    security: Security = Security()
    labels: Labels = {}
    """Labels that every object carries beside the planned ones."""
    accept: list[Acceptance] = []
    """Warnings that this environment accepts. Errors cannot be accepted."""
