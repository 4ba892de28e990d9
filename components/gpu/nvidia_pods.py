"""What NVIDIA's own pods on GPU nodes have in common: where they are, what they see, and the file that they read."""

from __future__ import annotations

from pulumi import Input
from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    EnvVarArgs,
    ResourceRequirementsArgs,
    TolerationArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from planning.gpu_software import PlannedDevicePlugin

FOLDER, FILE = "/etc/nvidia-device-plugin", "config.yaml"

AMOUNTS = {"cpu": "50m", "memory": "128Mi"}
"""A choice of ours, inside what each GPU node keeps free for agents (planning/pool_machines.py)."""


def tolerations_of(plugin: PlannedDevicePlugin) -> list[TolerationArgs] | None:
    return [TolerationArgs(key=taint.key, operator="Exists", effect=taint.effect) for taint in plugin.taints] or None


def gpus_shown() -> list[EnvVarArgs]:
    """By these NVIDIA's runtime shows the node's GPUs, and the driver's programs, to a container that asks for none."""
    return [
        EnvVarArgs(name="NVIDIA_VISIBLE_DEVICES", value="all"),
        EnvVarArgs(name="NVIDIA_DRIVER_CAPABILITIES", value="compute,utility"),
    ]


def amounts() -> ResourceRequirementsArgs:
    return ResourceRequirementsArgs(requests=dict(AMOUNTS), limits={"memory": AMOUNTS["memory"]})


def config_volume(config: Input[str]) -> VolumeArgs:
    return VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=config))


def config_mount() -> VolumeMountArgs:
    return VolumeMountArgs(name="config", mount_path=FOLDER, read_only=True)
