"""The tags of what is made on AWS: the user's labels, what made it, and a name that people read."""

from __future__ import annotations

from collections.abc import Mapping


def common(labels: Mapping[str, str], cluster: str) -> dict[str, str]:
    """On everything that belongs to `cluster`."""
    return {**labels, "tritonup/cluster": cluster, "app.kubernetes.io/managed-by": "tritonup"}


def named(tags: Mapping[str, str], name: str) -> dict[str, str]:
    """`Name` is what AWS's console shows (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html)."""
    return {**tags, "Name": name}
