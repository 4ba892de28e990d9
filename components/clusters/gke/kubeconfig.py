"""A kubeconfig without a credential: Google's plugin is asked for a token whenever one is needed
(cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl). Written as JSON, which YAML includes."""

from __future__ import annotations

from pulumi import Output

PLUGIN = "gke-gcloud-auth-plugin"


def kubeconfig(cluster: Output[str], endpoint: Output[str], certificate: Output[str]) -> Output[str]:
    """A secret: it names where the control plane answers."""
    server = Output.concat("https://", endpoint)
    where = Output.all(server=server, certificate=certificate).apply(
        lambda known: {
            "server": known["server"],
            **({"certificate-authority-data": known["certificate"]} if known["certificate"] else {}),
        }
    )
    return Output.secret(
        Output.json_dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": cluster, "cluster": where}],
                "users": [
                    {
                        "name": cluster,
                        "user": {
                            "exec": {
                                "apiVersion": "client.authentication.k8s.io/v1beta1",
                                "command": PLUGIN,
                                "installHint": "Install it: gcloud components install gke-gcloud-auth-plugin",
                                "interactiveMode": "IfAvailable",
                                "provideClusterInfo": True,
                            }
                        },
                    }
                ],
                "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
                "current-context": cluster,
            }
        )
    )
