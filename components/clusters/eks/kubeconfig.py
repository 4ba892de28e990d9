"""How a client gets to the cluster: its address and certificate, and the command that is asked for a token.

No credential is in it. `aws eks get-token` signs one with whatever identity of AWS the caller has at that moment, good
for 15 minutes (docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html). It is a secret all the same, so that
the cluster's address is not printed.
"""

from __future__ import annotations

import pulumi
from pulumi import Output

from components.clusters.eks.policies import as_json

TOKEN_PLUGIN = "aws"  # noqa: S105  the command's name
"""Must be on the PATH of whoever uses the kubeconfig."""

INSTALL = "Install version 2 of the AWS command line, of which `aws` must be on the PATH."

COMMON = ("eks", "get-token", "--output", "json")


def kubeconfig(*, name: Output[str], region: str, address: Output[str], authority: Output[str]) -> Output[str]:
    """As JSON, which every reader of YAML takes. `authority` is the certificate, in base64."""
    return pulumi.Output.secret(
        as_json(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                "clusters": [{"name": name, "cluster": {"server": address, "certificate-authority-data": authority}}],
                "users": [
                    {
                        "name": name,
                        "user": {
                            "exec": {
                                "apiVersion": "client.authentication.k8s.io/v1beta1",
                                "command": TOKEN_PLUGIN,
                                "args": [
                                    "--region",
                                    region,
                                    "eks",
                                    "get-token",
                                    "--cluster-name",
                                    name,
                                    "--output",
                                    "json",
                                ],
                                "interactiveMode": "Never",
                                "installHint": INSTALL,
                            }
                        },
                    }
                ],
            },
        )
    )
