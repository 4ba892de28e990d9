"""Triton's response cache: where a server keeps answers to give them again. A server has one cache, or none."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planning.settings.base import Strict
from planning.settings.quantities import Memory
from planning.settings.scalars import CidrBlock, Distinct, Labels, Name, Namespace


class LocalCache(Strict):
    """In each pod's own memory."""

    kind: Literal["local"]
    size: Memory
    """Of each pod, taken at the start. `resources.memory` must have room for it."""


class RedisInCluster(Strict):
    """Pods of the cluster are the Redis."""

    kind: Literal["pods"]
    namespace: Namespace
    pods: Labels = {}
    """Labels that they carry; left out, every pod of the namespace."""


class RedisAtNetworks(Strict):
    """The Redis answers at these addresses."""

    kind: Literal["networks"]
    networks: Annotated[list[CidrBlock], Field(min_length=1), Distinct()]


class RedisTls(Strict):
    authority: Name
    """A ConfigMap in the namespace, which you make, with `ca.crt`: the authority that signed the Redis's certificate.
    The name in the certificate is not compared: an authority of your own, and no public one."""
    certificate: Name | None = None
    """A Secret of type kubernetes.io/tls in the namespace, which you make: who Triton is to a Redis that wants
    certificates of its clients. Redis does, unless it says `tls-auth-clients no`."""


class RedisCache(Strict):
    """In a Redis of yours, which all pods share and which outlives them. Triton does not start where it does not
    answer."""

    kind: Literal["redis"]
    host: Annotated[
        str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253, examples=["redis.cache.svc"])
    ]
    port: Annotated[int, Field(ge=1, le=65535)] = 6379
    reached: Annotated[RedisInCluster | RedisAtNetworks, Field(discriminator="kind")]
    """Where it is: pods may connect to nothing else on its port."""
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] | None = None
    """Who Triton is to the Redis's access lists; left out, `default`."""
    credentials: Name | None = None
    """A Secret in the namespace, which you make, with TRITONCACHE_REDIS_PASSWORD. Left out, no password is given."""
    tls: RedisTls | None = None
    """Left out, requests and answers travel in clear."""


ResponseCache = Annotated[LocalCache | RedisCache, Field(discriminator="kind")]
