"""What is wrong with the bucket that a cluster's block asks for, held against the one that servers read."""

from __future__ import annotations

from collections.abc import Iterator

from planning.findings import Finding, Place, Rule, Severity, setting
from planning.settings.cluster import Eks, Gke
from planning.settings.eks import MadeS3Bucket
from planning.settings.gke import MadeBucket
from planning.settings.repository import S3
from planning.settings.root import Settings

BUCKET_OF_ANOTHER_KIND = Rule("TU922", Severity.ERROR, "A bucket that is made is the one that servers read")
ANOTHER_REGION = Rule("TU944", Severity.ERROR, "A bucket that is made, and the key of a bucket, are in its region")
FAR_AWAY = Rule("TU945", Severity.WARNING, "Models are read in the cluster's own region")
DOTTED = Rule("TU946", Severity.ERROR, "A bucket that is made has a name that TLS covers")
STRANGE_ROLE = Rule("TU947", Severity.ERROR, "A bucket that is made is reached by roles that are made")

DESTINATION = "model_repository.destination"


def check_model_bucket(settings: Settings, cluster: Gke | Eks, at: Place) -> Iterator[Finding]:
    """`cluster` is the block of the stack file at `at`."""
    destination = settings.model_repository.destination
    wanted, place = cluster.model_bucket, setting(f"{at.field}.model_bucket")
    match cluster:
        case Gke():
            kind, store = "gs", "Google Cloud Storage"
        case Eks():
            kind, store = "s3", "S3"
    if isinstance(wanted, MadeBucket | MadeS3Bucket) and destination.kind != kind:
        yield Finding(
            rule=BUCKET_OF_ANOTHER_KIND,
            at=setting(f"{place.field}.kind"),
            what=f"'made' makes a bucket of {store}, and servers read from {destination.kind!r}.",
            fix=f"Write `{kind}` as {DESTINATION}.kind, or take model_bucket out.",
        )
    if isinstance(cluster, Eks) and isinstance(destination, S3):
        yield from _in_s3(cluster, destination, place)


def _in_s3(cluster: Eks, destination: S3, at: Place) -> Iterator[Finding]:
    made = isinstance(cluster.model_bucket, MadeS3Bucket)
    if destination.region != cluster.region:
        yield Finding(
            rule=ANOTHER_REGION if made else FAR_AWAY,
            at=setting(f"{DESTINATION}.region"),
            what=f"{destination.region} is not {cluster.region}, where the cluster is and its bucket is made."
            if made
            else f"{destination.region} is not the cluster's {cluster.region}: the VPC's way to S3 does not lead there,"
            " so that every pod that starts brings its models through a NAT gateway and between regions, at a price.",
            fix=f"Write {cluster.region}"
            + ("." if made else ", of a bucket there, or accept this warning with a reason."),
        )
    key = cluster.model_bucket.key
    if key is not None and key.split(":")[3] != destination.region:
        yield Finding(
            rule=ANOTHER_REGION,
            at=setting(f"{at.field}.key"),
            what=f"the key is in {key.split(':')[3]}, and the bucket in {destination.region}: S3 takes none from"
            " another region.",
            fix="Write the ARN of a key in the bucket's region, or leave it out.",
        )
    if not made:
        return
    if "." in destination.bucket:
        yield Finding(
            rule=DOTTED,
            at=setting(f"{DESTINATION}.bucket"),
            what=f"{destination.bucket!r} has a dot, and S3's certificate covers one name before .s3: clients that put"
            " the bucket into the host's name cannot connect.",
            fix=f"Write {destination.bucket.replace('.', '-')}.",
        )
    engines = destination.engines
    for field, role in (("role", destination.role), ("engines.role", engines.role if engines else None)):
        if role is not None:
            yield Finding(
                rule=STRANGE_ROLE,
                at=setting(f"{DESTINATION}.{field}"),
                what=f"{role} is another's to give rights to, and the bucket with its key does not exist yet.",
                fix="Take the role out: one is made that may do just this.",
            )
