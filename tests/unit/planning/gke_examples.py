"""The rules of GKE clusters that the stack makes (TU910 to TU927)."""

from __future__ import annotations

import re

from planning.findings import Finding
from tests.unit.planning.rule_examples import ON_GKE, VISION, Example, says, write
from tests.unit.planning.world import GKE, STACK, Raw

POOLS: Raw = STACK["gpu_pools"]
FLEX: Raw = {"kind": "flex-start"}
INSTEAD: Raw = {"without_spot": "on-demand"}
TWO_SPOT: Raw = {
    "gpu_pools": {**POOLS, "cheaper": POOLS["cheap"]},
    f"{VISION}.gpu.pools": ["steady", "cheap", "cheaper"],
}
IN_A_CLASS: Raw = {"cloud.google.com/compute-class": "cheapest-first"}
OURS: Raw = STACK["cluster"]["pools"]
GS: Raw = {"kind": "gs", "bucket": "models"}


def gke(**changes: object) -> Raw:
    return {"cluster": {**GKE, **changes}}


def own(pool: str, **fields: object) -> Raw:
    """What only GKE knows of `pool`."""
    return gke(pools={pool: fields})


def _first_zone(finding: Finding) -> Raw:
    (zone,) = re.findall(r"Add one of: ([a-z0-9-]+)", finding.fix)
    return {"cluster.zones": [zone]}


def _ssds(finding: Finding) -> Raw:
    (number,) = re.findall(r"Write (\d+)", finding.fix)
    return own("cheap", local_ssds=int(number))


EXAMPLES = (
    Example(
        rule="TU910",
        breaks=gke(zones=["us-central1-f"])
        | {"gpu_pools": {"steady": POOLS["steady"]}, f"{VISION}.gpu.pools": ["steady"]},
        at="cluster.zones",
        words=("'us-central1-f'", "g2-standard-4", "us-central1-a"),
        remedy=_first_zone,
    ),
    Example(
        rule="TU911",
        breaks=gke(services="10.0.8.0/24"),
        at="cluster.services",
        words=("10.0.8.0/24", "10.0.0.0/20", "`nodes`"),
        remedy=write({"cluster.services": "10.8.0.0/20"}),
    ),
    Example(
        rule="TU912",
        breaks=gke(pods="10.16.0.0/22"),
        at="cluster.pods",
        words=("10.16.0.0/22", "1,024"),
        remedy=says("cluster.pods", r"Write a (/\d+)", lambda prefix: f"10.16.0.0{prefix}"),
    ),
    Example(
        rule="TU913",
        breaks=gke(pods="2001:db8::/32"),
        at="cluster.pods",
        words=("2001:db8::/32", "IPv6"),
        remedy=write({"cluster.pods": "10.16.0.0/14"}),
    ),
    Example(
        rule="TU914",
        breaks=gke(kubernetes="1.34"),
        at="cluster.spot_notice",
        words=("1m", "15 s", "1.34", "1.35.0-gke.1171000"),
        remedy=says("cluster.kubernetes", r'kubernetes: "([\d.]+)"'),
    ),
    Example(
        rule="TU915",
        breaks=own("cheap", local_ssds=3),
        at="cluster.pools.cheap.local_ssds",
        words=("3 local SSDs", "g2-standard-4"),
        remedy=_ssds,
    ),
    Example(
        rule="TU916",
        breaks=own("cheap", provisioning={"kind": "reservation", "name": "l4s"}),
        at="cluster.pools.cheap.provisioning.kind",
        words=("'reservation'", "'cheap'"),
        remedy=write({"cluster.pools": {}}),
    ),
    Example(
        rule="TU917",
        breaks=own("steady", provisioning=FLEX),
        at=f"{VISION}.gpu.pools",
        words=("'steady'", "168h", "'vision'"),
        remedy=write({"cluster.pools": {}}),
    ),
    Example(
        rule="TU918",
        breaks=own("steady", provisioning={**FLEX, "queued": True}),
        at=f"{VISION}.gpu.pools",
        words=("'steady'", "ProvisioningRequest", "'vision'"),
        remedy=write({"cluster.pools": {}}),
    ),
    Example(
        rule="TU919",
        breaks=own("cheep"),
        at="cluster.pools.cheep",
        words=("'cheep'", "Did you mean 'cheap'?"),
        remedy=write({"cluster.pools": {}}),
    ),
    Example(
        rule="TU920",
        breaks=gke(maintenance={"days": ["sun"], "length": "4h"}),
        at="cluster.maintenance.length",
        words=("4h", "16 h", "48"),
        remedy=says("cluster.maintenance.length", r"Write (\d+h)"),
    ),
    Example(
        rule="TU921",
        breaks=own("steady", provisioning=FLEX) | {"gpu_pools.steady.nodes": {"min": 1, "max": 4}},
        at="gpu_pools.steady.nodes.min",
        words=("1 node", "168h"),
        remedy=write({"gpu_pools.steady.nodes": {"min": 0, "max": 4}}),
        beside=("TU917",),
    ),
    Example(
        rule="TU922",
        breaks=gke(model_bucket={"kind": "made"}),
        at="cluster.model_bucket.kind",
        words=("'made'", "'s3'"),
        remedy=write({"model_repository.destination": GS}),
    ),
    Example(
        rule="TU923",
        breaks={
            **ON_GKE,
            "gpu_pools": {"system": POOLS["steady"], "cheap": POOLS["cheap"]},
            f"{VISION}.gpu.pools": ["system", "cheap"],
        },
        at="gpu_pools.system",
        words=("'system'", "32"),
        remedy=write({"gpu_pools": POOLS, f"{VISION}.gpu.pools": ["steady", "cheap"]}),
    ),
    Example(
        rule="TU924",
        breaks=gke(system={"min": 1, "max": 1}),
        at="cluster.system.max",
        words=("1", "2 zones"),
        remedy=says("cluster.system.max", r"Write (\d+)", int),
    ),
    Example(
        rule="TU923",
        breaks={
            **gke(pools={"cheap": INSTEAD}),
            "gpu_pools": {**POOLS, "cheap-instead": POOLS["steady"]},
        },
        at="gpu_pools.cheap-instead",
        words=("'cheap-instead'", "stands in"),
        remedy=write({"gpu_pools": POOLS}),
    ),
    Example(
        rule="TU925",
        breaks=gke(pools={"cheap": INSTEAD}) | TWO_SPOT,
        at=f"{VISION}.gpu.pools",
        words=("'cheap'", "'cheaper'", "vision-spot", "without_spot"),
        remedy=write(gke(pools={"cheap": INSTEAD, "cheaper": INSTEAD})),
    ),
    Example(
        rule="TU925",
        breaks={
            "cluster.pools": {
                "steady": OURS["steady"],
                "cheap": {**OURS["cheap"], "labels": IN_A_CLASS},
                "cheaper": {**OURS["cheap"], "labels": {"cloud.google.com/compute-class": "another"}},
            },
            **TWO_SPOT,
        },
        at=f"{VISION}.gpu.pools",
        words=("'cheap'", "'cheaper'", "different ComputeClasses"),
        remedy=write(
            {
                "cluster.pools": {
                    "steady": OURS["steady"],
                    "cheap": {**OURS["cheap"], "labels": IN_A_CLASS},
                    "cheaper": {**OURS["cheap"], "labels": IN_A_CLASS},
                }
            }
        ),
    ),
    Example(
        rule="TU926",
        breaks=own("steady", **INSTEAD),
        at="cluster.pools.steady.without_spot",
        words=("'on-demand'", "'steady'", "has none"),
        remedy=says("cluster.pools.steady.without_spot", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU926",
        breaks=own("cheap", **INSTEAD) | {"gpu_pools.cheap.gpu": "nvidia-h100-80gb"},
        at="cluster.pools.cheap.without_spot",
        words=("a3-highgpu-1g", "spot alone"),
        remedy=says("cluster.pools.cheap.without_spot", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU940",
        breaks=gke(granted={**GKE["granted"], "NVIDIA_L4_GPUS": 2}),
        at="cluster.granted.NVIDIA_L4_GPUS",
        words=("5 GPUs", "NVIDIA_L4_GPUS", "us-central1", "2 are granted", "steady"),
        remedy=says("cluster.granted.NVIDIA_L4_GPUS", r"Ask for (\d+)", int),
    ),
    Example(
        rule="TU927",
        breaks=own("cheap", **INSTEAD) | {"namespace": "gke-inference"},
        at="namespace",
        words=("'gke-inference'",),
        remedy=write({"namespace": "inference"}),
    ),
)
