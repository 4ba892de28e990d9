"""One node pool of a GKE cluster, with GPUs or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Output, ResourceOptions
from pulumi_gcp.container import (
    NodePool,
    NodePoolAutoscalingArgs,
    NodePoolManagementArgs,
    NodePoolNetworkConfigArgs,
    NodePoolNodeConfigArgs,
    NodePoolNodeConfigEphemeralStorageLocalSsdConfigArgs,
    NodePoolNodeConfigGcfsConfigArgs,
    NodePoolNodeConfigGuestAcceleratorArgs,
    NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs,
    NodePoolNodeConfigGuestAcceleratorGpuSharingConfigArgs,
    NodePoolNodeConfigGvnicArgs,
    NodePoolNodeConfigKubeletConfigArgs,
    NodePoolNodeConfigReservationAffinityArgs,
    NodePoolNodeConfigSecondaryBootDiskArgs,
    NodePoolNodeConfigShieldedInstanceConfigArgs,
    NodePoolNodeConfigTaintArgs,
    NodePoolNodeConfigWorkloadMetadataConfigArgs,
    NodePoolNodeDrainConfigArgs,
    NodePoolQueuedProvisioningArgs,
    NodePoolUpgradeSettingsArgs,
    NodePoolUpgradeSettingsBlueGreenSettingsArgs,
    NodePoolUpgradeSettingsBlueGreenSettingsStandardRolloutPolicyArgs,
)

from planning.clusters.gke_pools import Accelerator, BlueGreen, NodePoolPlan, ShortLived, Surge

_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePoolArgs:
    """`key` is of the boot disks, None where Google's own do. `labels` are Google Cloud's."""

    pool: NodePoolPlan
    project: str
    region: str
    cluster: Output[str]
    node_account: Output[str]
    key: Output[str] | None
    image_streaming: bool
    labels: Mapping[str, str]


def node_pool(name: str, args: NodePoolArgs, opts: ResourceOptions) -> NodePool:
    """How many nodes it has is the autoscaler's, within the bounds over all zones."""
    pool = args.pool
    return NodePool(
        name,
        name=pool.name if pool.named else None,
        cluster=args.cluster,
        project=args.project,
        location=args.region,
        node_locations=list(pool.zones.value),
        initial_node_count=pool.first_nodes,
        autoscaling=NodePoolAutoscalingArgs(
            total_min_node_count=pool.min_nodes,
            total_max_node_count=pool.max_nodes,
            location_policy=pool.location_policy.value,
        ),
        max_pods_per_node=pool.pods.value,
        network_config=NodePoolNetworkConfigArgs(enable_private_nodes=True),
        management=NodePoolManagementArgs(auto_repair=pool.repaired.value, auto_upgrade=True),
        upgrade_settings=_upgrade(pool),
        node_drain_configs=[NodePoolNodeDrainConfigArgs(respect_pdb_during_node_pool_deletion=True)],
        queued_provisioning=NodePoolQueuedProvisioningArgs(enabled=True)
        if pool.waiting is not None and pool.waiting.value.queued
        else None,
        node_config=_nodes(args),
        opts=ResourceOptions.merge(opts, ResourceOptions(ignore_changes=["initialNodeCount"])),
    )


def _nodes(args: NodePoolArgs) -> NodePoolNodeConfigArgs:
    pool = args.pool
    return NodePoolNodeConfigArgs(
        machine_type=pool.machine.value,
        image_type="COS_CONTAINERD",
        spot=pool.spot,
        flex_start=True if pool.waiting is not None else None,
        max_run_duration=f"{pool.waiting.value.run_seconds}s" if pool.waiting is not None else None,
        reservation_affinity=_reservation(pool),
        guest_accelerators=[_accelerator(pool.accelerator)] if pool.accelerator is not None else None,
        gvnic=NodePoolNodeConfigGvnicArgs(enabled=True),
        # disks
        disk_type=pool.disk_type.value,
        disk_size_gb=pool.disk_gib.value,
        boot_disk_kms_key=args.key,
        ephemeral_storage_local_ssd_config=NodePoolNodeConfigEphemeralStorageLocalSsdConfigArgs(
            local_ssd_count=pool.local_ssds
        )
        if pool.local_ssds is not None
        else None,
        secondary_boot_disks=[
            NodePoolNodeConfigSecondaryBootDiskArgs(disk_image=image, mode="CONTAINER_IMAGE_CACHE")
            for image in pool.preloaded
        ],
        gcfs_config=NodePoolNodeConfigGcfsConfigArgs(enabled=args.image_streaming or bool(pool.preloaded)),
        # what an autoscaler knows before the node is there
        labels=pool.labels,
        taints=[
            NodePoolNodeConfigTaintArgs(key=taint.key, value=taint.value, effect=_EFFECTS[taint.effect])
            for taint in pool.taints
        ],
        # who it is, and what it lets in
        service_account=args.node_account,
        oauth_scopes=["https://www.googleapis.com/auth/cloud-platform"],
        workload_metadata_config=NodePoolNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
        metadata={"disable-legacy-endpoints": "true"},
        shielded_instance_config=NodePoolNodeConfigShieldedInstanceConfigArgs(
            enable_secure_boot=True, enable_integrity_monitoring=True
        ),
        kubelet_config=NodePoolNodeConfigKubeletConfigArgs(
            insecure_kubelet_readonly_port_enabled="FALSE",
            shutdown_grace_period_seconds=pool.shutdown.value.total if pool.shutdown else None,
            shutdown_grace_period_critical_pods_seconds=pool.shutdown.value.critical if pool.shutdown else None,
        ),
        logging_variant="DEFAULT",
        resource_labels=args.labels,
    )


def _accelerator(gpus: Accelerator) -> NodePoolNodeConfigGuestAcceleratorArgs:
    return NodePoolNodeConfigGuestAcceleratorArgs(
        type=gpus.type.value,
        count=gpus.count.value,
        gpu_partition_size=gpus.partition.value if gpus.partition else None,
        gpu_sharing_config=NodePoolNodeConfigGuestAcceleratorGpuSharingConfigArgs(
            gpu_sharing_strategy=gpus.sharing.value[0], max_shared_clients_per_gpu=gpus.sharing.value[1]
        )
        if gpus.sharing
        else None,
        gpu_driver_installation_config=NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs(
            gpu_driver_version=gpus.driver.value
        ),
    )


def _reservation(pool: NodePoolPlan) -> NodePoolNodeConfigReservationAffinityArgs | None:
    if pool.reservation is not None:
        return NodePoolNodeConfigReservationAffinityArgs(
            consume_reservation_type="SPECIFIC_RESERVATION",
            key="compute.googleapis.com/reservation-name",
            values=[pool.reservation.value],
        )
    if pool.waiting is not None:
        return NodePoolNodeConfigReservationAffinityArgs(consume_reservation_type="NO_RESERVATION")
    return None


def _upgrade(pool: NodePoolPlan) -> NodePoolUpgradeSettingsArgs:
    match pool.upgrade.value:
        case Surge(more=more, fewer=fewer):
            return NodePoolUpgradeSettingsArgs(strategy="SURGE", max_surge=more, max_unavailable=fewer)
        case BlueGreen(soak_seconds=soak):
            return NodePoolUpgradeSettingsArgs(
                strategy="BLUE_GREEN",
                blue_green_settings=NodePoolUpgradeSettingsBlueGreenSettingsArgs(
                    node_pool_soak_duration=f"{soak}s",
                    standard_rollout_policy=NodePoolUpgradeSettingsBlueGreenSettingsStandardRolloutPolicyArgs(
                        batch_node_count=1
                    ),
                ),
            )
        case ShortLived():
            return NodePoolUpgradeSettingsArgs(strategy="SHORT_LIVED")
