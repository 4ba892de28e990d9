"""Who nodes are, and which key Google may use: the node service account, the KMS key and its grants.

The key is protected: without it the secrets of the cluster cannot be read any more, nor the disks of its nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_gcp.kms import CryptoKey, CryptoKeyIAMMember, KeyRing
from pulumi_gcp.projects import IAMMember
from pulumi_gcp.serviceaccount import Account

from planning.clusters.gke import KEY_ROTATION_DAYS

KEY_USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAccountArgs:
    project: str
    roles: Sequence[str]


class NodeAccount(pulumi.ComponentResource):
    """`email` is known when the account has its roles: a node without them is up and reports nothing."""

    email: Output[str]

    def __init__(self, name: str, args: NodeAccountArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:GkeNodeAccount", name, None, opts)
        child = ResourceOptions(parent=self)
        account = Account(
            f"{name}-account",
            display_name="Nodes of the tritonup cluster",
            description="What nodes may do. Pods have identities of their own.",
            opts=child,
        )
        grants = [
            IAMMember(
                f"{name}-{role.partition('/')[2].replace('.', '-')}",
                project=args.project,
                role=role,
                member=account.member,
                opts=child,
            )
            for role in args.roles
        ]
        self.email = Output.all(account.email, *[grant.id for grant in grants]).apply(lambda made: made[0])
        self.register_outputs({"email": self.email})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKeyArgs:
    """`project_number`: by which Google names its own service agents."""

    region: str
    project_number: Output[str]
    labels: Mapping[str, str]


class ClusterKey(pulumi.ComponentResource):
    """`key` is its name, known when GKE and Compute Engine may use it."""

    key: Output[str]

    def __init__(self, name: str, args: ClusterKeyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:GkeKey", name, None, opts)
        child = ResourceOptions(parent=self)
        # A ring cannot be deleted at all, nor its name used again.
        ring = KeyRing(
            f"{name}-ring", location=args.region, opts=ResourceOptions(parent=self, protect=True, retain_on_delete=True)
        )
        key = CryptoKey(
            f"{name}-key",
            key_ring=ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=f"{KEY_ROTATION_DAYS * 24 * 3600}s",
            labels=args.labels,
            opts=ResourceOptions(parent=self, protect=True),
        )
        grants = [
            CryptoKeyIAMMember(
                f"{name}-{who}",
                crypto_key_id=key.id,
                role=KEY_USER,
                member=Output.concat("serviceAccount:service-", args.project_number, "@", domain),
                opts=child,
            )
            for who, domain in (
                ("secrets", "container-engine-robot.iam.gserviceaccount.com"),
                ("disks", "compute-system.iam.gserviceaccount.com"),
            )
        ]
        self.key = Output.all(key.id, *[grant.id for grant in grants]).apply(lambda made: made[0])
        self.register_outputs({"key": self.key})
