"""The namespace's ResourceQuota and LimitRange (planning/quota.py)."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.core.v1 import (
    LimitRange,
    LimitRangeItemArgs,
    LimitRangeSpecArgs,
    ResourceQuota,
    ResourceQuotaSpecArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from planning.quota import Quota

NAME = "serving"
"""Of both objects."""


def quota(
    name: str, most: Quota, *, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> tuple[ResourceQuota, LimitRange]:
    metadata = ObjectMetaArgs(name=NAME, namespace=namespace, labels=labels)
    requested = {"cpu": str(most.requested_cpu), "memory": str(most.requested_memory)}
    return (
        ResourceQuota(
            f"{name}-quota",
            metadata=metadata,
            spec=ResourceQuotaSpecArgs(hard={what: str(amount.value) for what, amount in most.most.items()}),
            opts=opts,
        ),
        LimitRange(
            f"{name}-defaults",
            metadata=metadata,
            spec=LimitRangeSpecArgs(limits=[LimitRangeItemArgs(type="Container", default_request=requested)]),
            opts=opts,
        ),
    )
