"""MPS's control daemon: it lets pods use one GPU at the same time, each with its share of memory and of processors.

It puts the GPUs into exclusive mode, sets every client's share, and keeps pipes and shared memory below one folder of
the node, which the device plugin mounts into each pod (k8s-device-plugin 1b826ac: cmd/mps-control-daemon,
internal/plugin/mps.go). To set a GPU's mode, and to mount memory that other pods see, is privileged, and the driver's
MPS server finds itself by the node's process ids; NVIDIA runs it so itself (deployments/helm/nvidia-device-plugin/
templates/daemonset-mps-control-daemon.yml, `mps.enableHostPID`). It has no network and no right in the API.
"""

from __future__ import annotations

from pulumi import Input
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    HostPathVolumeSourceArgs,
    PodSpecArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from components.gpu.nvidia_pods import FILE, FOLDER, amounts, config_mount, config_volume, gpus_shown, tolerations_of
from components.placement import on_nodes_with
from planning.gpu_software import PlannedDevicePlugin

CALLED = "nvidia-mps-control-daemon"

ROOT = "/run/nvidia/mps"
"""On the node: gone with a reboot, as the daemon is."""

INSIDE = "/mps"
"""Where both programs look for it, and where clients find their pipes."""


def mps_pod(plugin: PlannedDevicePlugin, config: Input[str]) -> PodSpecArgs:
    image = plugin.image.value.by_digest
    privileged = SecurityContextArgs(privileged=True, run_as_user=0)
    return PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name="system-node-critical",
        host_pid=True,
        affinity=on_nodes_with(plugin.nodes),
        tolerations=tolerations_of(plugin),
        init_containers=[
            ContainerArgs(
                name="shared-memory",
                image=image,
                image_pull_policy="IfNotPresent",
                command=["mps-control-daemon", "mount-shm"],
                resources=amounts(),
                security_context=privileged,
                volume_mounts=[VolumeMountArgs(name="mps-root", mount_path=INSIDE, mount_propagation="Bidirectional")],
            )
        ],
        containers=[
            ContainerArgs(
                name="daemon",
                image=image,
                image_pull_policy="IfNotPresent",
                command=["mps-control-daemon", f"--config-file={FOLDER}/{FILE}"],
                env=gpus_shown(),
                resources=amounts(),
                security_context=privileged,
                volume_mounts=[*mps_mounts(), config_mount()],
            )
        ],
        volumes=[*mps_volumes(), config_volume(config)],
    )


def mps_mounts() -> list[VolumeMountArgs]:
    """Of whoever talks to the daemon."""
    return [
        VolumeMountArgs(name="mps-root", mount_path=INSIDE),
        VolumeMountArgs(name="mps-shm", mount_path="/dev/shm"),  # noqa: S108 - the node's, made by the daemon's pod
    ]


def mps_volumes() -> list[VolumeArgs]:
    return [
        VolumeArgs(name="mps-root", host_path=HostPathVolumeSourceArgs(path=ROOT, type="DirectoryOrCreate")),
        VolumeArgs(name="mps-shm", host_path=HostPathVolumeSourceArgs(path=f"{ROOT}/shm")),
    ]
