"""The network of a GKE cluster: one VPC, one subnet with ranges for pods and Services, one NAT gateway.

Nodes have no public address. What they call outside leaves by NAT, what they call at Google by Private Google Access.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_gcp.compute import (
    Network,
    Router,
    RouterNat,
    RouterNatLogConfigArgs,
    RouterNatSubnetworkArgs,
    Subnetwork,
    SubnetworkLogConfigArgs,
    SubnetworkSecondaryIpRangeArgs,
)

from planning.clusters.gke_network import GkeNetwork

PODS = "pods"
SERVICES = "services"


@dataclass(frozen=True, slots=True, kw_only=True)
class GkeNetworkArgs:
    network: GkeNetwork
    region: str


class GkeVpc(pulumi.ComponentResource):
    """`subnet` is known when nodes in it can reach the Internet: a private node that cannot pulls no image."""

    network: Output[str]
    subnet: Output[str]

    def __init__(self, name: str, args: GkeNetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:GkeVpc", name, None, opts)
        child = ResourceOptions(parent=self)
        network = Network(
            f"{name}-network",
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            opts=child,
        )
        subnet = Subnetwork(
            f"{name}-subnet",
            network=network.id,
            region=args.region,
            ip_cidr_range=args.network.nodes.value,
            secondary_ip_ranges=[
                SubnetworkSecondaryIpRangeArgs(range_name=PODS, ip_cidr_range=args.network.pods.value),
                SubnetworkSecondaryIpRangeArgs(range_name=SERVICES, ip_cidr_range=args.network.services.value),
            ],
            private_ip_google_access=True,
            log_config=SubnetworkLogConfigArgs(
                aggregation_interval="INTERVAL_10_MIN", flow_sampling=0.5, metadata="INCLUDE_ALL_METADATA"
            ),
            opts=child,
        )
        router = Router(f"{name}-router", network=network.id, region=args.region, opts=child)
        nat = RouterNat(
            f"{name}-nat",
            router=router.name,
            region=args.region,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[
                RouterNatSubnetworkArgs(
                    name=subnet.id,
                    source_ip_ranges_to_nats=["PRIMARY_IP_RANGE", "LIST_OF_SECONDARY_IP_RANGES"],
                    secondary_ip_range_names=[PODS],
                )
            ],
            # A node that pulls an image and copies models opens many connections at once, and then none for hours.
            enable_dynamic_port_allocation=True,
            enable_endpoint_independent_mapping=False,
            min_ports_per_vm=64,
            max_ports_per_vm=4096,
            log_config=RouterNatLogConfigArgs(enable=True, filter="ERRORS_ONLY"),
            opts=child,
        )
        self.network = network.id
        self.subnet = Output.all(subnet=subnet.id, nat=nat.id).apply(lambda made: made["subnet"])
        self.register_outputs({"network": self.network, "subnet": self.subnet})
