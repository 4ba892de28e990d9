"""The VPC: private subnets for nodes and pods, public ones for ways out and load balancers, inner ones for AWS.

Each zone has its own NAT gateway and its own private route table, so that a zone that fails takes no other zone's way
out along. The inner subnets have no route out of the VPC at all. Nothing gets a public address by itself. The default
security group is closed (CIS AWS Foundations 5.4), and all traffic is logged (CIS AWS Foundations 3.7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_aws import cloudwatch, ec2, iam

from components.clusters.eks.keys import flow_logs
from components.clusters.eks.policies import Statement, document, trusting
from components.clusters.eks.tags import named
from planning.clusters.eks_network import PlannedNetwork, PlannedPrivateSubnet, PlannedSubnet


@dataclass(frozen=True, slots=True, kw_only=True)
class EksNetworkArgs:
    """`found_by`: tags by which Karpenter finds the private subnets, empty where there is no Karpenter."""

    network: PlannedNetwork
    cluster: str
    found_by: Mapping[str, str]
    key: Input[str]
    account: str
    log_days: int
    tags: Mapping[str, str]


class EksNetwork(pulumi.ComponentResource):
    """Subnet ids are in the order of the plan's zones. `ready`: nodes find their way out when these are there."""

    vpc: Output[str]
    private: Sequence[Output[str]]
    inner: Sequence[Output[str]]
    route_tables: Sequence[Output[str]]
    ready: Sequence[Resource]

    def __init__(self, name: str, args: EksNetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksNetwork", name, None, opts)
        child = ResourceOptions(parent=self)
        vpc = ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.network.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=named(args.tags, args.cluster),
            opts=child,
        )
        ec2.DefaultSecurityGroup(
            f"{name}-default",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags=named(args.tags, f"{args.cluster}-closed"),
            opts=child,
        )
        _logged(name, vpc, args, child)
        gateway = ec2.InternetGateway(
            f"{name}-internet", vpc_id=vpc.id, tags=named(args.tags, args.cluster), opts=child
        )
        out = ec2.RouteTable(
            f"{name}-public", vpc_id=vpc.id, tags=named(args.tags, f"{args.cluster}-public"), opts=child
        )
        ready: list[Resource] = [
            ec2.Route(
                f"{name}-public-out",
                route_table_id=out.id,
                destination_cidr_block="0.0.0.0/0",
                gateway_id=gateway.id,
                opts=child,
            )
        ]
        inside = ec2.RouteTable(
            f"{name}-inner", vpc_id=vpc.id, tags=named(args.tags, f"{args.cluster}-inner"), opts=child
        )
        private: list[Output[str]] = []
        inner: list[Output[str]] = []
        tables: list[Output[str]] = [inside.id]
        for public, own, core in zip(args.network.public, args.network.private, args.network.inner, strict=True):
            facing = _subnet(f"{name}-public", public, vpc, out, {**args.tags, "kubernetes.io/role/elb": "1"}, child)
            table, route = _way_out(name, own.zone, vpc, facing, gateway, args, child)
            within = _subnet(
                f"{name}-private",
                own,
                vpc,
                table,
                {**args.tags, "kubernetes.io/role/internal-elb": "1", **args.found_by},
                child,
            )
            ec2.SubnetCidrReservation(
                f"{name}-prefixes-{own.zone}",
                subnet_id=within.id,
                cidr_block=own.prefixes,
                reservation_type="prefix",
                description="whole blocks of addresses for pods",
                opts=child,
            )
            private.append(within.id)
            inner.append(_subnet(f"{name}-inner", core, vpc, inside, args.tags, child).id)
            tables.append(table.id)
            ready.append(route)
        self.vpc = vpc.id
        self.private = private
        self.inner = inner
        self.route_tables = tables
        self.ready = ready
        self.register_outputs({"vpc": vpc.id})


def _subnet(
    name: str,
    planned: PlannedSubnet | PlannedPrivateSubnet,
    vpc: ec2.Vpc,
    table: ec2.RouteTable,
    tags: Mapping[str, str],
    opts: ResourceOptions,
) -> ec2.Subnet:
    subnet = ec2.Subnet(
        f"{name}-{planned.zone}",
        vpc_id=vpc.id,
        availability_zone=planned.zone,
        cidr_block=planned.cidr,
        map_public_ip_on_launch=False,
        tags=named(tags, f"{name}-{planned.zone}"),
        opts=opts,
    )
    ec2.RouteTableAssociation(f"{name}-{planned.zone}", subnet_id=subnet.id, route_table_id=table.id, opts=opts)
    return subnet


def _way_out(
    name: str,
    zone: str,
    vpc: ec2.Vpc,
    public: ec2.Subnet,
    internet: ec2.InternetGateway,
    args: EksNetworkArgs,
    opts: ResourceOptions,
) -> tuple[ec2.RouteTable, ec2.Route]:
    address = ec2.Eip(
        f"{name}-nat-{zone}", domain="vpc", tags=named(args.tags, f"{args.cluster}-nat-{zone}"), opts=opts
    )
    gateway = ec2.NatGateway(
        f"{name}-nat-{zone}",
        subnet_id=public.id,
        allocation_id=address.allocation_id,
        connectivity_type="public",
        tags=named(args.tags, f"{args.cluster}-{zone}"),
        opts=ResourceOptions.merge(opts, ResourceOptions(depends_on=[internet])),
    )
    table = ec2.RouteTable(
        f"{name}-private-{zone}", vpc_id=vpc.id, tags=named(args.tags, f"{args.cluster}-private-{zone}"), opts=opts
    )
    route = ec2.Route(
        f"{name}-private-out-{zone}",
        route_table_id=table.id,
        destination_cidr_block="0.0.0.0/0",
        nat_gateway_id=gateway.id,
        opts=opts,
    )
    return table, route


def _logged(name: str, vpc: ec2.Vpc, args: EksNetworkArgs, opts: ResourceOptions) -> None:
    group = cloudwatch.LogGroup(
        f"{name}-flows",
        name=flow_logs(args.cluster),
        retention_in_days=args.log_days,
        kms_key_id=args.key,
        tags=dict(args.tags),
        opts=opts,
    )
    role = iam.Role(
        f"{name}-flows",
        description=f"VPC flow logs of {args.cluster}",
        assume_role_policy=trusting(
            "vpc-flow-logs.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": args.account}}
        ),
        tags=dict(args.tags),
        opts=opts,
    )
    iam.RolePolicy(
        f"{name}-flows",
        role=role.name,
        policy=document(
            Statement(
                sid="WriteFlows",
                actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                resources=[group.arn, pulumi.Output.concat(group.arn, ":*")],
            ),
            Statement(sid="FindGroup", actions=["logs:DescribeLogGroups"], resources=["*"]),
        ),
        opts=opts,
    )
    ec2.FlowLog(
        f"{name}-flows",
        vpc_id=vpc.id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        tags=named(args.tags, args.cluster),
        opts=opts,
    )
