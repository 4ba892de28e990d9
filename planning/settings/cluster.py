"""Where the stack runs. Everything that only one cloud knows is here, so that changing the cloud edits one
block of the stack file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from planning.settings.base import Strict
from planning.settings.eks import (
    AccountId,
    AddOn,
    AddOnVersion,
    EksPool,
    ExistingS3Bucket,
    Grant,
    KeyArn,
    LogDays,
    NodeImage,
    QuotaCode,
    S3ModelBucket,
    SystemNodes,
    VolumeDriver,
    grants_of_distinct_principals,
    service_network,
)
from planning.settings.gke import (
    DnsEndpoint,
    Encryption,
    ExistingBucket,
    GkePool,
    GkeVolumeDriver,
    GoogleGroup,
    MadeKey,
    Maintenance,
    ModelBucket,
    QuotaName,
    SystemPool,
)
from planning.settings.quantities import Duration
from planning.settings.scalars import CidrBlock, Distinct, KubernetesVersion, Labels, Name


class OpenEndpoint(Strict):
    """The control plane answers on a public address, to these networks alone."""

    kind: Literal["public"]
    allow: Annotated[list[CidrBlock], Field(min_length=1), Distinct()]


class PrivateEndpoint(Strict):
    """The control plane answers inside the network only: what runs on the cluster is then a second stack,
    deployed from inside, with `cluster: {kind: reference}`."""

    kind: Literal["private"]


def _zones_of(region: object, zones: list[str], form: str, example: str) -> list[str]:
    """`zones`, each of which is `region` and then `form`. Where the region itself is wrong, nothing is said."""
    if isinstance(region, str) and not all(re.fullmatch(re.escape(region) + form, zone) for zone in zones):
        raise ValueError(f"must hold zones of {region} alone, such as {region}{example}")
    return zones


Endpoint = Annotated[OpenEndpoint | PrivateEndpoint, Field(discriminator="kind")]
GkeEndpoint = Annotated[OpenEndpoint | DnsEndpoint | PrivateEndpoint, Field(discriminator="kind")]


class Gke(Strict):
    """A cluster on Google Kubernetes Engine, made by this stack."""

    kind: Literal["gke"]
    project: Annotated[str, Field(pattern=r"^[a-z][-a-z0-9]{4,28}[a-z0-9]$")]
    region: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+[0-9]$", examples=["europe-west4"])]
    zones: Annotated[list[str], Field(min_length=1, examples=["europe-west4-a"]), Distinct()]
    """The zones of the region that nodes may be in. A GPU is offered in some zones only."""
    kubernetes: KubernetesVersion = "1.35"
    release_channel: Literal["rapid", "regular", "stable"] = "regular"
    endpoint: GkeEndpoint
    nodes: CidrBlock = "10.0.0.0/20"
    pods: CidrBlock = "10.16.0.0/14"
    services: CidrBlock = "10.8.0.0/20"
    spot_notice: Duration = Duration.of_seconds(15)
    """How long a reclaimed spot node lets pods of ours run on: 15s by default, up to 120s where the control
    plane is 1.35.0-gke.1171000 or newer and the pool is configured so."""
    machines: dict[Name, str] = {}
    """A machine type for a pool, where the planned one is not wanted: `{l4-spot: g2-standard-16}`."""
    pools: dict[Name, GkePool] = {}
    """What only GKE knows of a pool: reservations, flex-start, upgrades, disks."""
    system: SystemPool = SystemPool()
    granted: dict[QuotaName, Annotated[int, Field(ge=0)]] = {}
    """Quota that the project has been granted, by Compute Engine's names: `{NVIDIA_L4_GPUS: 8}`. What is not here
    counts as a new project's, which is none."""
    model_bucket: ModelBucket = ExistingBucket()
    volumes: Annotated[list[GkeVolumeDriver], Distinct()] = []
    """Storage drivers beside that of persistent disks, which every cluster has."""
    encryption: Encryption = MadeKey()
    """The key of Kubernetes secrets and of the nodes' disks."""
    maintenance: Maintenance = Maintenance()
    deletion_protection: bool = True
    """Keeps the cluster from being deleted, by `pulumi destroy` or otherwise, until it is written `false`."""
    binary_authorization: bool = True
    """The project's Binary Authorization policy is enforced on every pod."""
    image_streaming: bool = True
    """Containers start before their image is there whole, where it comes from Artifact Registry."""
    managed_prometheus: bool = False
    """Google's collection beside, or in place of, a Prometheus of your own. It is charged by samples."""
    security_group: GoogleGroup | None = None
    """The Google group, `gke-security-groups@` of your domain, whose member groups RBAC may name."""

    @field_validator("zones")
    @classmethod
    def _in_region(cls, zones: list[str], info: ValidationInfo) -> list[str]:
        return _zones_of(info.data.get("region"), zones, "-[a-z]", "-a")


class Eks(Strict):
    """A cluster on Amazon Elastic Kubernetes Service, made by this stack."""

    kind: Literal["eks"]
    account: AccountId
    """The number of the AWS account. With credentials of another one nothing is made."""
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", examples=["eu-central-1"])]
    zones: Annotated[list[str], Field(min_length=2, examples=["eu-central-1a"]), Distinct()]
    """Availability zones of the region. EKS needs at least two for its control plane."""
    kubernetes: KubernetesVersion = "1.35"
    endpoint: Endpoint
    network: CidrBlock = "10.0.0.0/16"
    """Addresses of the VPC, for nodes, pods and load balancers: /16 to /22, apart from all networks that it reaches."""
    machines: dict[Name, str] = {}
    """An instance type for a pool, where the planned one is not wanted: `{a10g-spot: g5.2xlarge}`."""
    name: Name | None = None
    """The cluster's name, one of its own in the account and region; left out, that of the namespace."""
    services: Annotated[CidrBlock, AfterValidator(service_network)] = "172.20.0.0/16"
    """Addresses of Services: /12 to /24 of a private range, apart from `network`. It can never be changed."""
    reach: Annotated[list[CidrBlock], Distinct()] = []
    """Networks beyond the VPC (peered, by VPN or transit gateway) that may call the control plane's private address."""
    access: Annotated[list[Grant], AfterValidator(grants_of_distinct_principals)] = []
    """Who may do what. Whoever deploys what runs on the cluster must be an administrator here. Left out, the identity
    that creates the cluster is its one administrator."""
    support: Literal["standard", "extended"] = "standard"
    """What becomes of the cluster when its version's standard support ends: upgraded by AWS, or kept at six times the
    control plane's price."""
    model_bucket: S3ModelBucket = ExistingS3Bucket()
    key: KeyArn | None = None
    """A KMS key of yours that encrypts Secrets and logs; left out, one is made, with yearly rotation."""
    log_days: LogDays = 90
    """How long the logs of the control plane and of the network are kept."""
    deletion: Literal["refused", "allowed"] = "refused"
    """Whether the cluster can be deleted. It cannot until this is `allowed` and applied."""
    system: SystemNodes = SystemNodes()
    volumes: Annotated[list[VolumeDriver], Distinct()] = ["ebs"]
    """Storage drivers that are installed as add-ons."""
    add_ons: dict[AddOn, AddOnVersion] = {}
    """Versions of add-ons that are held; of the others AWS's default for the Kubernetes version is taken."""
    granted: dict[QuotaCode, Annotated[int, Field(ge=0)]] = {}
    """Quota that the account has been granted in the region, in vCPUs by codes of Service Quotas: `{L-DB2E81BA: 64}`.
    What is not here counts as a new account's, which is none."""
    pools: dict[Name, EksPool] = {}
    """What only EKS knows of a pool: its driver, by canary."""
    node_image: NodeImage = "latest"
    """The release of EKS's AL2023 image for nodes that Karpenter makes: v20261105 holds one, `latest` follows each
    release, one node of a pool at a time."""

    @field_validator("zones")
    @classmethod
    def _in_region(cls, zones: list[str], info: ValidationInfo) -> list[str]:
        return _zones_of(info.data.get("region"), zones, "[a-z]", "a")


class Taint(Strict):
    key: str
    value: str = ""
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"]


class InstalledDriver(Strict):
    """A driver that somebody else installs, first on a canary node of the pool: a CUDA handshake there says whether the
    others may follow."""

    version: Annotated[str, Field(pattern=r"^[0-9]{3}(\.[0-9]+){1,2}$", examples=["580.105.08"])]
    """What the canary node must run, to the last digit."""
    canary: Annotated[Labels, Field(min_length=1)]
    """Labels that the canary node has beside those of the pool. It may be cordoned."""


class ExistingPool(Strict):
    """What the nodes of a pool that is already there carry, so that pods can be placed on them."""

    labels: Annotated[Labels, Field(min_length=1)]
    """Labels that every node of the pool has, and that its autoscaler knows."""
    taints: list[Taint] = []
    zones: list[str] = []
    notice: Duration | None = None
    """How long a node warns before it is reclaimed; left out where nodes are not, which those of spot pools are."""
    cpu: Annotated[str, Field(pattern=r"^[1-9][0-9]*m?$")] | None = None
    """What one node can give to pods; left out, a server's fit on the node is not checked."""
    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*(Mi|Gi)$")] | None = None
    driver: InstalledDriver | None = None
    """Left out, nothing is asked of the pool's driver."""


class Existing(Strict):
    """A cluster that is already there: nothing of a cloud is created. The way onto AKS and on-premise."""

    kind: Literal["existing"]
    kubernetes: KubernetesVersion
    platform: Literal["gke", "eks", "other"] = "other"
    """Decides the annotations of load balancers and where DNS and identity are answered."""
    pools: dict[Name, ExistingPool] = {}
    """Facts of the pools that `gpu_pools` names."""
    node_boot: Duration = Duration.of_seconds(600)
    """The longest that a new GPU node takes from being asked for until its GPU can be used."""


class Reference(Strict):
    """A cluster that another stack of this program made."""

    kind: Literal["reference"]
    stack: Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+/[^/\s]+$", examples=["acme/tritonup/prod-cluster"])]
    """organisation/project/stack."""
    cluster: Annotated[Gke | Eks, Field(discriminator="kind")]
    """The other stack's `cluster` block, word for word: planning works from it, and preview compares it with
    what that stack really exported."""


class Local(Strict):
    """This machine: `make serve` (a process) and `make up` (a one-machine Kubernetes). It has no GPU."""

    kind: Literal["local"]
    kubernetes: KubernetesVersion = "1.35"


Cluster = Annotated[Gke | Eks | Reference | Existing | Local, Field(discriminator="kind")]


Platform = Literal["gke", "eks", "other"]
"""Whose load balancers, DNS, identity and storage the cluster has."""


def platform_of(cluster: Cluster) -> Platform:
    match described(cluster):
        case Existing(platform=platform):
            return platform
        case Gke(kind=kind) | Eks(kind=kind):
            return kind
        case Local():
            return "other"


def described(cluster: Cluster) -> Gke | Eks | Existing | Local:
    """The cluster that is meant: where another stack made it, its block as this stack file repeats it."""
    return cluster.cluster if isinstance(cluster, Reference) else cluster
