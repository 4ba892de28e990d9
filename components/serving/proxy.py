"""nginx before Triton's HTTP port, as a native sidecar: it sends clients away before the pod goes (planning/proxy.py).

A sidecar starts before Triton and is told to stop after it; its preStop hook runs at the same moment as Triton's
(kubelet 1.35, `killContainer`: first the hook, then the container's turn), so both count from the pod's deletion.
It has no start-up probe: the kubelet starts Triton only after that, and there is nothing to answer before Triton.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    ExecActionArgs,
    HTTPGetActionArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    TCPSocketActionArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from planning.proxy import CPU, MEMORY, SCRATCH, Proxy, nginx_config

CONTAINER = "proxy"

PORT_NAME = "http"
"""What the Services' port `http` targets. Triton's own, behind it, is `http-triton`, for its probes."""

CONFIG_DIGEST = "tritonup/proxy-config-digest"
"""Annotation of the pod template: nginx reads its configuration once, so a change of it is a rollout."""

NGINX_USER = 101
"""`nginx` in the image nginx-unprivileged (its Dockerfile's UID)."""

FILE = "nginx.conf"
FOLDER = "/etc/tritonup"


def proxy_config_name(server: str) -> str:
    return f"{server}-proxy"


def config_digest(proxy: Proxy) -> str:
    return f"sha256:{hashlib.sha256(nginx_config(proxy).encode()).hexdigest()}"


def proxy_config(
    name: str, *, server: str, namespace: Input[str], labels: Mapping[str, str], proxy: Proxy, opts: ResourceOptions
) -> ConfigMap:
    """The configuration of all of the server's pods."""
    return ConfigMap(
        name,
        metadata=ObjectMetaArgs(name=proxy_config_name(server), namespace=namespace, labels=labels),
        data={FILE: nginx_config(proxy)},
        opts=opts,
    )


def proxy_container(image: str, proxy: Proxy) -> ContainerArgs:
    """For the pod's `init_containers`: `restartPolicy: Always` is what makes it a sidecar."""
    nginx = ["nginx", "-e", "stderr", "-c", f"{FOLDER}/{FILE}"]
    amounts = {"cpu": str(CPU), "memory": str(MEMORY), "ephemeral-storage": str(SCRATCH)}
    quit_ = f"sleep {proxy.quit_after.value}; exec {' '.join(nginx)} -s quit"
    return ContainerArgs(
        name=CONTAINER,
        image=image,
        image_pull_policy="IfNotPresent",
        restart_policy="Always",
        # Not the image's entrypoint: it rewrites files below /etc.
        command=[*nginx, "-g", "daemon off;"],
        ports=[ContainerPortArgs(name=PORT_NAME, container_port=proxy.port, protocol="TCP")],
        resources=ResourceRequirementsArgs(requests=dict(amounts), limits=dict(amounts)),
        # Through to Triton: a sidecar's readiness counts for the pod's, and clients come this way.
        readiness_probe=ProbeArgs(
            http_get=HTTPGetActionArgs(path="/v2/health/ready", port=PORT_NAME),
            period_seconds=5,
            timeout_seconds=5,
            failure_threshold=2,
        ),
        liveness_probe=ProbeArgs(
            tcp_socket=TCPSocketActionArgs(port=PORT_NAME),
            period_seconds=10,
            timeout_seconds=5,
            failure_threshold=3,
        ),
        lifecycle=LifecycleArgs(
            pre_stop=LifecycleHandlerArgs(exec_=ExecActionArgs(command=["/bin/sh", "-c", quit_])),
        ),
        security_context=SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            run_as_user=NGINX_USER,
            run_as_group=NGINX_USER,
            capabilities=CapabilitiesArgs(drop=["ALL"]),
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        volume_mounts=[
            VolumeMountArgs(name="proxy-config", mount_path=FOLDER, read_only=True),
            VolumeMountArgs(name="proxy-scratch", mount_path="/tmp"),  # noqa: S108 - a volume of the pod's own
        ],
    )


def proxy_volumes(config: Input[str]) -> list[VolumeArgs]:
    """`config`: the name of what `proxy_config` made."""
    return [
        VolumeArgs(name="proxy-config", config_map=ConfigMapVolumeSourceArgs(name=config)),
        VolumeArgs(name="proxy-scratch", empty_dir=EmptyDirVolumeSourceArgs(size_limit=str(SCRATCH))),
    ]
