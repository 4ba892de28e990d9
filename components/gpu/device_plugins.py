"""NVIDIA's device plugin: it tells the kubelet of each GPU node what GPUs there are, and gives them to containers.

The nodes bring driver and container toolkit, with NVIDIA's runtime as containerd's default (EKS's AL2023 NVIDIA images
do; Amazon EKS user guide, "Use EKS-optimized accelerated AMIs for GPU instances"). The plugin needs to write its socket
into a folder of the node, which is the kubelet's and root's, and nothing else: no privilege, no capability, no network,
no right in the API (NVIDIA runs it so itself: k8s-device-plugin, deployments/static/nvidia-device-plugin.yml). A path
of the node is what keeps it out of the serving namespace.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_kubernetes.apps.v1 import (
    DaemonSet,
    DaemonSetSpecArgs,
    DaemonSetUpdateStrategyArgs,
    RollingUpdateDaemonSetArgs,
)
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMap,
    ContainerArgs,
    HostPathVolumeSourceArgs,
    Namespace,
    PodSpecArgs,
    PodTemplateSpecArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components.gpu.mps import CALLED as MPS_CALLED
from components.gpu.mps import ROOT as MPS_ROOT
from components.gpu.mps import mps_mounts, mps_pod, mps_volumes
from components.gpu.nvidia_pods import FILE, FOLDER, amounts, config_mount, config_volume, gpus_shown, tolerations_of
from components.labels import INSTANCE, NAME, common
from components.placement import on_nodes_with
from components.security.network import default_deny
from planning.gpu_software import PlannedDevicePlugin
from planning.pools import GPU_RESOURCE

NAMESPACE = "tritonup-gpu"
"""One for the cluster: two plugins on a node would fight for it, so a second stack that installs it is refused."""

SOCKETS = "/var/lib/kubelet/device-plugins"
"""Where the kubelet looks for plugins (Kubernetes, "Device Plugins")."""

CALLED = "nvidia-device-plugin"
CONFIG_DIGEST = "tritonup/config-digest"
"""Annotation of the pod template: the plugin reads its file once, so a change of it is a rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePluginsArgs:
    plugins: Sequence[PlannedDevicePlugin]
    labels: Mapping[str, str]


class DevicePlugins(pulumi.ComponentResource):
    """A DaemonSet for each pool, and MPS's control daemon beside it where the pool shares so. `namespace` is theirs."""

    namespace: Output[str]

    def __init__(self, name: str, args: DevicePluginsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:gpu:DevicePlugins", name, None, opts)
        child = ResourceOptions(parent=self)
        labels = common(args.labels)
        namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(
                name=NAMESPACE, labels={**labels, "pod-security.kubernetes.io/enforce": "privileged"}
            ),
            opts=child,
        )
        self.namespace = namespace.metadata.apply(lambda metadata: metadata.name or NAMESPACE)
        default_deny(f"{name}-default-deny", namespace=self.namespace, labels=labels, opts=child)
        for plugin in args.plugins:
            _daemon_set(f"{name}-{plugin.pool}", plugin, self.namespace, labels, child)
        self.register_outputs({"namespace": self.namespace})


def plugin_config(plugin: PlannedDevicePlugin) -> str:
    """The plugin's configuration file, version v1 (k8s-device-plugin, api/config/v1)."""
    flags = {
        "migStrategy": "none",
        # A node whose GPU does not come up is seen as such, by a pod that does not run.
        "failOnInitError": True,
        "plugin": {"passDeviceSpecs": False, "deviceListStrategy": ["envvar"], "deviceIDStrategy": "uuid"},
    }
    root = {"mpsRoot": MPS_ROOT} if plugin.by_mps else {}
    sharing = (
        {
            "sharing": {
                "mps" if plugin.by_mps else "timeSlicing": {
                    # More than one share of a GPU is no more of it: whoever asks for two is told so.
                    "failRequestsGreaterThanOne": True,
                    "resources": [{"name": GPU_RESOURCE, "replicas": plugin.replicas.value}],
                }
            }
        }
        if plugin.replicas is not None
        else {}
    )
    # JSON is YAML.
    return json.dumps({"version": "v1", "flags": flags | root, **sharing}, indent=2) + "\n"


def _daemon_set(
    name: str, plugin: PlannedDevicePlugin, namespace: Input[str], labels: Mapping[str, str], opts: ResourceOptions
) -> DaemonSet:
    own = {NAME: CALLED, INSTANCE: plugin.pool}
    called = f"{CALLED}-{plugin.pool}"
    text = plugin_config(plugin)
    config = ConfigMap(
        f"{name}-config",
        metadata=ObjectMetaArgs(name=called, namespace=namespace, labels={**labels, **own}),
        data={FILE: text},
        opts=opts,
    )
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    read = config.metadata.apply(lambda metadata: metadata.name or called)
    if plugin.by_mps:
        daemon = {NAME: MPS_CALLED, INSTANCE: plugin.pool}
        _on_every_node(
            f"{name}-mps", f"{MPS_CALLED}-{plugin.pool}", daemon, digest, mps_pod(plugin, read), namespace, labels, opts
        )
    return _on_every_node(name, called, own, digest, _pod(plugin, read), namespace, labels, opts)


def _on_every_node(
    name: str,
    called: str,
    own: Mapping[str, str],
    config_digest: str,
    pod: PodSpecArgs,
    namespace: Input[str],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> DaemonSet:
    return DaemonSet(
        name,
        metadata=ObjectMetaArgs(name=called, namespace=namespace, labels={**labels, **own}),
        spec=DaemonSetSpecArgs(
            selector=LabelSelectorArgs(match_labels=own),
            update_strategy=DaemonSetUpdateStrategyArgs(
                type="RollingUpdate", rolling_update=RollingUpdateDaemonSetArgs(max_unavailable=1)
            ),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels={**labels, **own}, annotations={CONFIG_DIGEST: config_digest}),
                spec=pod,
            ),
        ),
        opts=opts,
    )


def _pod(plugin: PlannedDevicePlugin, config: Input[str]) -> PodSpecArgs:
    return PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name="system-node-critical",
        affinity=on_nodes_with(plugin.nodes),
        tolerations=tolerations_of(plugin),
        containers=[
            ContainerArgs(
                name="plugin",
                image=plugin.image.value.by_digest,
                image_pull_policy="IfNotPresent",
                command=["nvidia-device-plugin", f"--config-file={FOLDER}/{FILE}"],
                env=gpus_shown(),
                resources=amounts(),
                security_context=SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    run_as_user=0,
                    capabilities=CapabilitiesArgs(drop=["ALL"]),
                    seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
                ),
                volume_mounts=[
                    VolumeMountArgs(name="sockets", mount_path=SOCKETS),
                    config_mount(),
                    *(mps_mounts() if plugin.by_mps else ()),
                ],
            )
        ],
        volumes=[
            VolumeArgs(name="sockets", host_path=HostPathVolumeSourceArgs(path=SOCKETS, type="Directory")),
            config_volume(config),
            *(mps_volumes() if plugin.by_mps else ()),
        ],
    )
