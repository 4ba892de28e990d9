"""The control plane: Kubernetes itself, its log, its key, its address, and its issuer of identities.

Authentication is by access entries alone (mode API): a ConfigMap aws-auth is never read. Networking and DNS come as
add-ons of ours, not as EKS's unmanaged first installation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, ec2, eks, iam, vpc

from components.clusters.eks.keys import control_plane_logs
from components.clusters.eks.policies import Statement, document, trusting
from components.clusters.eks.tags import named
from planning.clusters.eks import PlannedEks
from planning.settings.cluster import OpenEndpoint


def control_plane_role(
    name: str, planned: PlannedEks, tags: Mapping[str, str], opts: ResourceOptions
) -> tuple[iam.Role, iam.RolePolicyAttachment]:
    """The role that EKS itself acts in."""
    role = iam.Role(
        f"{name}-control-plane",
        description=f"Control plane of the EKS cluster {planned.name.value}",
        assume_role_policy=trusting("eks.amazonaws.com"),
        tags=dict(tags),
        opts=opts,
    )
    attached = iam.RolePolicyAttachment(
        f"{name}-control-plane",
        role=role.name,
        policy_arn=f"arn:{planned.partition}:iam::aws:policy/AmazonEKSClusterPolicy",
        opts=opts,
    )
    return role, attached


@dataclass(frozen=True, slots=True, kw_only=True)
class EksControlPlaneArgs:
    planned: PlannedEks
    role: iam.Role
    attached: iam.RolePolicyAttachment
    key: Input[str]
    vpc: Input[str]
    inner: Sequence[Input[str]]
    tags: Mapping[str, str]


class EksControlPlane(pulumi.ComponentResource):
    """`group` is the security group that EKS makes for itself and its nodes. `issuer` is the URL of the cluster's
    issuer without its scheme, as trust policies write it, and `issuer_arn` that of its provider in IAM."""

    cluster: eks.Cluster
    name: Output[str]
    address: Output[str]
    authority: Output[str]
    group: Output[str]
    issuer: Output[str]
    issuer_arn: Output[str]

    def __init__(self, name: str, args: EksControlPlaneArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:EksControlPlane", name, None, opts)
        child = ResourceOptions(parent=self)
        planned = args.planned
        of_key = iam.RolePolicy(
            f"{name}-key",
            role=args.role.name,
            policy=document(
                Statement(
                    sid="UseTheKeyOfSecrets",
                    actions=["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"],
                    resources=[args.key],
                )
            ),
            opts=child,
        )
        logs = cloudwatch.LogGroup(
            f"{name}-logs",
            name=control_plane_logs(planned.name.value),
            retention_in_days=planned.log_days,
            kms_key_id=args.key,
            tags=dict(args.tags),
            opts=child,
        )
        group = _who_reaches_it(name, args, child)
        public = planned.endpoint if isinstance(planned.endpoint, OpenEndpoint) else None
        self.cluster = eks.Cluster(
            f"{name}-cluster",
            name=planned.name.value,
            role_arn=args.role.arn,
            version=planned.kubernetes,
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API",
                bootstrap_cluster_creator_admin_permissions=planned.creator_administers.value,
            ),
            bootstrap_self_managed_addons=False,
            deletion_protection=planned.deletion_protected,
            enabled_cluster_log_types=list(planned.log_types),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=args.key), resources=["secrets"]
            ),
            kubernetes_network_config=eks.ClusterKubernetesNetworkConfigArgs(
                ip_family="ipv4", service_ipv4_cidr=planned.services
            ),
            upgrade_policy=eks.ClusterUpgradePolicyArgs(support_type=planned.support.upper()),
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.inner),
                security_group_ids=[group.id],
                endpoint_private_access=True,
                endpoint_public_access=public is not None,
                public_access_cidrs=list(public.allow) if public else None,
            ),
            tags=named(args.tags, planned.name.value),
            # Whether its creator administers it counts once: another answer later would replace the cluster.
            opts=ResourceOptions.merge(
                child,
                ResourceOptions(
                    depends_on=[args.attached, of_key, logs],
                    protect=planned.deletion_protected,
                    ignore_changes=["accessConfig.bootstrapClusterCreatorAdminPermissions"],
                ),
            ),
        )
        issuer = self.cluster.identities.apply(lambda found: (found[0].oidcs or [])[0].issuer or "")
        provider = iam.OpenIdConnectProvider(
            f"{name}-issuer",
            url=issuer,
            client_id_lists=["sts.amazonaws.com"],
            tags=named(args.tags, planned.name.value),
            opts=child,
        )
        self.name = self.cluster.name
        self.address = self.cluster.endpoint
        self.authority = self.cluster.certificate_authority.apply(lambda found: found.data or "")
        self.group = self.cluster.vpc_config.apply(lambda found: found.cluster_security_group_id or "")
        self.issuer = issuer.apply(lambda url: url.removeprefix("https://"))
        self.issuer_arn = provider.arn
        self.register_outputs({"name": self.name})


def _who_reaches_it(name: str, args: EksControlPlaneArgs, opts: ResourceOptions) -> ec2.SecurityGroup:
    """Beside the group of EKS's own, by which nodes come in: the networks beyond the VPC that the settings name, and
    no others."""
    group = ec2.SecurityGroup(
        f"{name}-reach",
        vpc_id=args.vpc,
        description="Networks beyond the VPC that may call the control plane",
        tags=named(args.tags, f"{args.planned.name.value}-reach"),
        opts=opts,
    )
    for cidr in args.planned.reach:
        vpc.SecurityGroupIngressRule(
            f"{name}-reach-{cidr.replace('/', '-').replace('.', '-')}",
            security_group_id=group.id,
            cidr_ipv4=cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="cluster.reach names it",
            opts=opts,
        )
    return group
