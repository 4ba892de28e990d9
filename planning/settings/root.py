"""The whole of `tritonup:settings`: what one environment shall be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

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


class Acceptance(Strict):
    """A warning that is known and lived with."""

    rule: RuleId
    at: str | None = None
    """The field that the warning names; left out, wherever the rule applies."""
    reason: Annotated[str, Field(min_length=10)]


class Settings(Strict):
    """One environment, complete in itself."""

    namespace: Namespace = "inference"
    cluster: Cluster
    controllers: Controllers = Controllers()
    images: Images = Images()
    gpu_pools: dict[Name, GpuPool] = {}
    model_repository: ModelRepository
    servers: Annotated[dict[Name, Server], Field(min_length=1)]
    monitoring: Monitoring
    security: Security = Security()
    labels: Labels = {}
    """Labels that every object carries beside the planned ones."""
    accept: list[Acceptance] = []
    """Warnings that this environment accepts. Errors cannot be accepted."""
