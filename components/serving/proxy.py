"""nginx before Triton, as a native sidecar: it sends clients away before the pod goes (planning/proxy.py).

A sidecar starts before Triton and is told to stop after it; its preStop hook runs at the same moment as Triton's
(kubelet 1.35, `killContainer`: first the hook, then the container's turn), so both count from the pod's deletion.
It has no start-up probe: the kubelet starts Triton only after that, and there is nothing to answer before Triton.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.core.v1 import (
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
    TCPSocketActionArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.amounts import exactly
from components.security.restricted import restricted
from planning.proxy import CPU, LEAVING, LOOKUPS, MEMORY, SCRATCH, SCRATCH_FOLDER, Proxy, nginx_config

CONTAINER = "proxy"

HTTP_PORT_NAME = "http"
GRPC_PORT_NAME = "grpc"
"""What the Services' ports target. Triton's own, behind it, are `http-triton` and `grpc-triton`."""

CONFIG_DIGEST = "tritonup/proxy-config-digest"
"""Annotation of the pod template: nginx reads its configuration once, so a change of it is a rollout."""

NGINX_USER = 101
"""`nginx` in the image nginx-unprivileged (its Dockerfile's UID)."""

FILE = "nginx.conf"
ALONE = "alone.conf"
"""Of a proxy that knows of no other pods."""

START = "start.sh"
"""Ends as nginx, the container's first process."""
FOLDER = "/etc/tritonup"


def proxy_config_name(server: str) -> str:
    return f"{server}-proxy"


def proxy_files(proxy: Proxy) -> dict[str, str]:
    """What the pod finds below `FOLDER`."""
    return {FILE: nginx_config(proxy), ALONE: nginx_config(replace(proxy, others=None)), START: _start(proxy)}


def config_digest(proxy: Proxy) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(proxy_files(proxy), sort_keys=True).encode()).hexdigest()}"


def _start(proxy: Proxy) -> str:
    return f"""\
# A pod's first look-up may come before its NetworkPolicy is in force, and nginx gives up at the first that fails.
# Where names are not answered at all, serving goes before passing on.
for second in {" ".join(str(second) for second in range(1, LOOKUPS + 1))}; do
    if nginx -e stderr -t -q -c {FOLDER}/{FILE}; then
        exec nginx -e stderr -g 'daemon off;' -c {FOLDER}/{FILE}
    fi
    sleep 1
done
echo 'Service {proxy.others} has no address after {LOOKUPS} s (DNS, or the NetworkPolicy to it).' >&2
echo 'Starting without it: a crash of Triton will cost requests until the Service knows.' >&2
exec nginx -e stderr -g 'daemon off;' -c {FOLDER}/{ALONE}
"""


def proxy_config(
    name: str, *, server: str, namespace: Input[str], labels: Mapping[str, str], proxy: Proxy, opts: ResourceOptions
) -> ConfigMap:
    """The configuration of all of the server's pods."""
    return ConfigMap(
        name,
        metadata=ObjectMetaArgs(name=proxy_config_name(server), namespace=namespace, labels=labels),
        data=proxy_files(proxy),
        opts=opts,
    )


def proxy_container(image: str, proxy: Proxy) -> ContainerArgs:
    """For the pod's `init_containers`: `restartPolicy: Always` is what makes it a sidecar."""
    # Not `nginx -s quit`: it reads the configuration first, look-ups included.
    leave = (
        f"sleep {proxy.away_after.value}; touch {SCRATCH_FOLDER}/{LEAVING}; "
        f"sleep {proxy.quit_after.value - proxy.away_after.value}; kill -QUIT 1"
    )
    return ContainerArgs(
        name=CONTAINER,
        image=image,
        image_pull_policy="IfNotPresent",
        restart_policy="Always",
        # Not the image's entrypoint: it rewrites files below /etc.
        command=["/bin/sh", f"{FOLDER}/{START}"],
        ports=[
            ContainerPortArgs(name=HTTP_PORT_NAME, container_port=proxy.http.port, protocol="TCP"),
            ContainerPortArgs(name=GRPC_PORT_NAME, container_port=proxy.grpc.port, protocol="TCP"),
        ],
        resources=exactly(CPU, MEMORY, SCRATCH),
        # Through to Triton: a sidecar's readiness counts for the pod's, and clients come this way.
        readiness_probe=ProbeArgs(
            http_get=HTTPGetActionArgs(path="/v2/health/ready", port=HTTP_PORT_NAME),
            period_seconds=5,
            timeout_seconds=5,
            failure_threshold=2,
        ),
        liveness_probe=ProbeArgs(
            tcp_socket=TCPSocketActionArgs(port=HTTP_PORT_NAME),
            period_seconds=10,
            timeout_seconds=5,
            failure_threshold=3,
        ),
        lifecycle=LifecycleArgs(
            pre_stop=LifecycleHandlerArgs(exec_=ExecActionArgs(command=["/bin/sh", "-c", leave])),
        ),
        security_context=restricted(user=NGINX_USER),
        volume_mounts=[
            VolumeMountArgs(name="proxy-config", mount_path=FOLDER, read_only=True),
            VolumeMountArgs(name="proxy-scratch", mount_path=SCRATCH_FOLDER),
        ],
    )


def proxy_volumes(config: Input[str]) -> list[VolumeArgs]:
    """`config`: the name of what `proxy_config` made."""
    return [
        VolumeArgs(name="proxy-config", config_map=ConfigMapVolumeSourceArgs(name=config)),
        VolumeArgs(name="proxy-scratch", empty_dir=EmptyDirVolumeSourceArgs(size_limit=str(SCRATCH))),
    ]
