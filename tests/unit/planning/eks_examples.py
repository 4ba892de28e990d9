"""The rules of EKS clusters (TU930 to TU947), TU907, TU909, TU952, and TU919 and TU923 as EKS has them."""

from __future__ import annotations

from tests.unit.planning.rule_examples import ON_EKS, Example, accepting, says, write
from tests.unit.planning.world import EKS, GONE, ROLE, STACK, Raw

POOLS: Raw = STACK["gpu_pools"]
NEW_DRIVER: Raw = {"driver": {"image": "v20261120"}}


def _eks(**changes: object) -> Raw:
    """The stack on EKS, with `changes` of the cluster's block."""
    return {**ON_EKS, "cluster": {**EKS, **changes}}


MADE: Raw = {**_eks(model_bucket={"kind": "made"}), "model_repository.destination.role": GONE}
KEY = "arn:aws:kms:{}:123456789012:key/0a1b"

EXAMPLES = (
    Example(
        rule="TU930",
        breaks=_eks(kubernetes="1.31"),
        at="cluster.kubernetes",
        words=("1.31", "1.35"),
        remedy=says("cluster.kubernetes", r"Write one of: ([\d.]+\d)"),
    ),
    Example(
        rule="TU930",
        breaks=_eks(kubernetes="1.33"),
        at="cluster.kubernetes",
        words=("1.33", "2026-07-29", "cluster.support"),
        remedy=says("cluster.kubernetes", r"Write one of: ([\d.]+\d)"),
    ),
    Example(
        rule="TU931",
        breaks=_eks(network="10.0.0.0/24"),
        at="cluster.network",
        words=("10.0.0.0/24", "2 zones", "/16 to /22"),
        remedy=says("cluster.network", r"such as ([\d.]+/\d+)"),
    ),
    Example(
        rule="TU932",
        breaks=_eks(network="10.0.0.0/22"),
        at="cluster.network",
        words=("10.0.0.0/22", "8 blocks"),
        remedy=write({"cluster.network": "10.0.0.0/16"}),
    ),
    Example(
        rule="TU933",
        breaks=_eks(services="10.0.0.0/20"),
        at="cluster.services",
        words=("10.0.0.0/20", "10.0.0.0/16"),
        remedy=says("cluster.services", r"apart from it: ([\d.]+/\d+)"),
    ),
    Example(
        rule="TU933",
        breaks=_eks(reach=["10.0.4.0/24"]),
        at="cluster.reach[0]",
        words=("10.0.4.0/24", "cluster.network"),
        remedy=write({"cluster.reach": ["10.0.0.0/8"]}),
    ),
    Example(
        rule="TU934",
        breaks=_eks(endpoint={"kind": "public", "allow": ["0.0.0.0/0"]}),
        at="cluster.endpoint.allow[0]",
        words=("0.0.0.0/0", "4,294,967,296"),
        remedy=write({"cluster.endpoint": {"kind": "public", "allow": ["203.0.113.0/24"]}}),
    ),
    Example(
        rule="TU935",
        breaks=_eks(access=[]),
        at="cluster.access",
        words=("nobody", "administer"),
        remedy=write({"cluster.access": EKS["access"]}),
    ),
    Example(
        rule="TU936",
        breaks=_eks(kubernetes="1.33", support="extended"),
        at="cluster.kubernetes",
        words=("1.33", "six times"),
        remedy=says("cluster.kubernetes", r"Write one of: ([\d.]+\d)"),
    ),
    Example(
        rule="TU937",
        breaks={
            **_eks(),
            "controllers.karpenter": "present",
            "gpu_pools.cheap.nodes": {"min": 2, "max": 4},
        },
        at="gpu_pools.cheap.nodes.min",
        words=("2 nodes", "Karpenter"),
        remedy=says("gpu_pools.cheap.nodes.min", r"Write (\d)", int),
    ),
    Example(
        rule="TU938",
        breaks={
            **_eks(),
            "controllers.karpenter": "present",
            "gpu_pools.cheap.sharing": {"kind": "time-slicing", "pods": 2},
            "servers.vision.resources.memory": "2Gi",
        },
        at="gpu_pools.cheap.sharing",
        words=("2 pods", "1 GPU"),
        remedy=write({"gpu_pools.cheap.sharing": {"kind": "whole"}}),
    ),
    Example(
        rule="TU919",
        breaks=_eks(pools={"cheep": {}}),
        at="cluster.pools.cheep",
        words=("'cheep'", "Did you mean 'cheap'?"),
        remedy=write({"cluster.pools": {}}),
    ),
    Example(
        rule="TU923",
        breaks={
            **_eks(pools={"cheap": NEW_DRIVER}),
            "controllers.karpenter": "present",
            "gpu_pools.cheap-canary": POOLS["cheap"],
        },
        at="gpu_pools.cheap-canary",
        words=("'cheap-canary'", "the canary of 'cheap'"),
        remedy=write({"gpu_pools": POOLS}),
    ),
    Example(
        rule="TU941",
        breaks=_eks(pools={"cheap": NEW_DRIVER}),
        at="cluster.pools.cheap.driver",
        words=("Karpenter", "managed node group"),
        remedy=write({"controllers.karpenter": "present"}),
    ),
    Example(
        rule="TU942",
        breaks={
            **_eks(pools={"idle": NEW_DRIVER}),
            "controllers.karpenter": "present",
            "gpu_pools.idle": POOLS["cheap"],
        },
        at="cluster.pools.idle.driver",
        words=("no server runs on 'idle'",),
        remedy=write({"cluster.pools": {}}),
    ),
    Example(
        rule="TU943",
        breaks={**_eks(pools={"steady": NEW_DRIVER}), "controllers.karpenter": "present"},
        at="cluster.pools.steady.driver.image",
        words=("v20261120", "2 nodes", "managed node group", "update-nodegroup-version"),
        remedy=write(accepting("TU943")),
    ),
    Example(
        rule="TU907",
        breaks={**_eks(), "controllers.karpenter": "present", "gpu_pools.cheap.startup_taint": True},
        at="gpu_pools.cheap.startup_taint",
        words=("true", "Karpenter"),
        remedy=write({"gpu_pools.cheap.startup_taint": False}),
    ),
    Example(
        rule="TU952",
        breaks={
            **_eks(),
            "controllers.prometheus_operator": "install",
            "monitoring.prometheus": {"storage": {"kind": "volume", "size": "20Gi"}},
        },
        at="monitoring.prometheus.storage.storage_class",
        words=("is missing", "no default class"),
        remedy=says("monitoring.prometheus.storage.storage_class", r"such as `(\w+)`"),
    ),
    Example(
        rule="TU909",
        breaks={**_eks(kubernetes="1.37"), "controllers.karpenter": "install"},
        at="cluster.kubernetes",
        words=("1.37", "Karpenter 1.14.1", "compatibility.md"),
        remedy=says("cluster.kubernetes", r"Write one of: ([\d.]+\d)"),
        beside=("TU930",),
    ),
    Example(
        rule="TU940",
        breaks=_eks(granted={}) | {"gpu_pools": {"steady": POOLS["steady"]}, "servers.vision.gpu.pools": ["steady"]},
        at="cluster.granted.L-DB2E81BA",
        words=("20 vCPUs", "L-DB2E81BA", "Running On-Demand G and VT instances", "us-east-1", "a new account has 0"),
        remedy=says("cluster.granted", r"Ask for (\d+)", lambda vcpus: {"L-DB2E81BA": int(vcpus)}),
    ),
    Example(
        rule="TU922",
        breaks={**MADE, "model_repository.destination": {"kind": "claim", "claim": "models"}},
        at="cluster.model_bucket.kind",
        words=("'made'", "'claim'"),
        remedy=write({"cluster.model_bucket": {"kind": "existing"}}),
    ),
    Example(
        rule="TU944",
        breaks={**MADE, "model_repository.destination.region": "eu-west-1"},
        at="model_repository.destination.region",
        words=("eu-west-1", "us-east-1"),
        remedy=says("model_repository.destination.region", r"Write ([a-z0-9-]+)"),
    ),
    Example(
        rule="TU944",
        breaks={**MADE, "cluster": {**EKS, "model_bucket": {"kind": "made", "key": KEY.format("eu-west-1")}}},
        at="cluster.model_bucket.key",
        words=("eu-west-1", "us-east-1"),
        remedy=write({"cluster.model_bucket.key": KEY.format("us-east-1")}),
    ),
    Example(
        rule="TU945",
        breaks={**_eks(), "model_repository.destination.region": "eu-west-1"},
        at="model_repository.destination.region",
        words=("eu-west-1", "us-east-1", "NAT gateway"),
        remedy=says("model_repository.destination.region", r"Write ([a-z0-9-]+)"),
    ),
    Example(
        rule="TU946",
        breaks={**MADE, "model_repository.destination.bucket": "models.acme.example"},
        at="model_repository.destination.bucket",
        words=("models.acme.example", "certificate"),
        remedy=says("model_repository.destination.bucket", r"Write ([a-z0-9-]+)"),
    ),
    Example(
        rule="TU947",
        breaks={**MADE, "model_repository.destination.role": ROLE},
        at="model_repository.destination.role",
        words=(ROLE,),
        remedy=write({"model_repository.destination.role": GONE}),
    ),
)
