"""Ways to AWS's own services that do not lead through the internet or a NAT gateway.

S3 by a gateway endpoint, which costs nothing: models and image layers come that way. The others by interface endpoints
with private names, open to the VPC's own addresses on port 443.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Resource, ResourceOptions
from pulumi_aws import ec2, vpc

from components.clusters.eks.tags import named
from planning.clusters.eks_network import PlannedNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class EksEndpointsArgs:
    network: PlannedNetwork
    cluster: str
    region: str
    vpc: Input[str]
    inner: Sequence[Input[str]]
    route_tables: Sequence[Input[str]]
    tags: Mapping[str, str]


class EksEndpoints(pulumi.ComponentResource):
    """`ready`: nodes can pull images, join and get credentials when these are there."""

    ready: Sequence[Resource]

    def __init__(self, name: str, args: EksEndpointsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksEndpoints", name, None, opts)
        child = ResourceOptions(parent=self)
        group = ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc,
            description="Interface endpoints: reached from the VPC alone",
            tags=named(args.tags, f"{args.cluster}-endpoints"),
            opts=child,
        )
        vpc.SecurityGroupIngressRule(
            f"{name}-from-vpc",
            security_group_id=group.id,
            cidr_ipv4=args.network.cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="nodes and pods",
            opts=child,
        )
        ready: list[Resource] = [
            ec2.VpcEndpoint(
                f"{name}-s3",
                vpc_id=args.vpc,
                service_name=_service(args.region, "s3"),
                vpc_endpoint_type="Gateway",
                route_table_ids=list(args.route_tables),
                tags=named(args.tags, f"{args.cluster}-s3"),
                opts=child,
            )
        ]
        ready += [
            ec2.VpcEndpoint(
                f"{name}-{service.value.replace('.', '-')}",
                vpc_id=args.vpc,
                service_name=_service(args.region, service.value),
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(args.inner),
                security_group_ids=[group.id],
                tags=named(args.tags, f"{args.cluster}-{service.value}"),
                opts=child,
            )
            for service in args.network.interfaces
        ]
        self.ready = ready
        self.register_outputs({})


def _service(region: str, service: str) -> str:
    """A service's name as endpoints have it. Regions of China spell some otherwise, and were not looked at
    (docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html)."""
    return f"com.amazonaws.{region}.{service}"
