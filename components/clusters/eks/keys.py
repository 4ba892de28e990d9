"""The KMS key that encrypts the cluster's Secrets and its logs: the user's own, or one that is made.

A key that is made rotates every year and waits 30 days before it is gone, the longest that KMS allows: without it no
Secret can be read. Its policy gives the account's own IAM policies the say, and CloudWatch Logs the use of it for this
cluster's log groups alone (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).
"""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import Input, ResourceOptions
from pulumi_aws import kms

from components.clusters.eks.policies import Statement, document
from components.clusters.eks.tags import named

DAYS_UNTIL_GONE = 30


def cluster_key(
    name: str,
    *,
    key: str | None,
    cluster: str,
    region: str,
    partition: str,
    account: str,
    protect: bool,
    tags: Mapping[str, str],
    opts: ResourceOptions,
) -> Input[str]:
    """The key's ARN. A key of the user's own must let CloudWatch Logs use it."""
    if key is not None:
        return key
    made = kms.Key(
        f"{name}-key",
        description=f"Secrets and logs of the EKS cluster {cluster}",
        enable_key_rotation=True,
        deletion_window_in_days=DAYS_UNTIL_GONE,
        policy=document(
            account_decides(partition, account),
            Statement(
                sid="LogsOfThisCluster",
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                principals={"Service": f"logs.{region}.amazonaws.com"},
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": [
                            f"arn:{partition}:logs:{region}:{account}:log-group:{group}"
                            for group in (control_plane_logs(cluster), flow_logs(cluster))
                        ]
                    }
                },
            ),
        ),
        tags=named(tags, cluster),
        opts=ResourceOptions.merge(opts, ResourceOptions(protect=protect)),
    )
    return made.arn


def account_decides(partition: str, account: str) -> Statement:
    """Of a key's policy: the IAM policies of its own account say who may use it, and nobody else's do
    (docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)."""
    return Statement(
        sid="AccountDecides",
        actions=["kms:*"],
        resources=["*"],
        principals={"AWS": f"arn:{partition}:iam::{account}:root"},
    )


def control_plane_logs(cluster: str) -> str:
    """Where EKS writes: the name is EKS's own choice
    (docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html)."""
    return f"/aws/eks/{cluster}/cluster"


def flow_logs(cluster: str) -> str:
    return f"/tritonup/{cluster}/flow-logs"
