"""The GKE cluster itself, without a node: its control plane, and what holds for all of its nodes.

GKE makes no cluster without a node pool, so it makes one of a node in each zone that goes again at once: pools are
resources of their own (`node_pool.py`), which can be changed and replaced without the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_gcp.container import (
    Cluster,
    ClusterAddonsConfigArgs,
    ClusterAddonsConfigDnsCacheConfigArgs,
    ClusterAddonsConfigGcePersistentDiskCsiDriverConfigArgs,
    ClusterAddonsConfigGcpFilestoreCsiDriverConfigArgs,
    ClusterAddonsConfigHorizontalPodAutoscalingArgs,
    ClusterAddonsConfigHttpLoadBalancingArgs,
    ClusterAddonsConfigNetworkPolicyConfigArgs,
    ClusterAnonymousAuthenticationConfigArgs,
    ClusterAuthenticatorGroupsConfigArgs,
    ClusterBinaryAuthorizationArgs,
    ClusterClusterAutoscalingArgs,
    ClusterControlPlaneEndpointsConfigArgs,
    ClusterControlPlaneEndpointsConfigDnsEndpointConfigArgs,
    ClusterControlPlaneEndpointsConfigIpEndpointsConfigArgs,
    ClusterCostManagementConfigArgs,
    ClusterDatabaseEncryptionArgs,
    ClusterIpAllocationPolicyArgs,
    ClusterLoggingConfigArgs,
    ClusterMaintenancePolicyArgs,
    ClusterMaintenancePolicyMaintenanceExclusionArgs,
    ClusterMaintenancePolicyMaintenanceExclusionExclusionOptionsArgs,
    ClusterMaintenancePolicyRecurringWindowArgs,
    ClusterMasterAuthArgs,
    ClusterMasterAuthClientCertificateConfigArgs,
    ClusterMasterAuthorizedNetworksConfigArgs,
    ClusterMasterAuthorizedNetworksConfigCidrBlockArgs,
    ClusterMonitoringConfigArgs,
    ClusterMonitoringConfigManagedPrometheusArgs,
    ClusterNodeConfigArgs,
    ClusterNodeConfigShieldedInstanceConfigArgs,
    ClusterNodeConfigWorkloadMetadataConfigArgs,
    ClusterPrivateClusterConfigArgs,
    ClusterRbacBindingConfigArgs,
    ClusterReleaseChannelArgs,
    ClusterSecurityPostureConfigArgs,
    ClusterServiceExternalIpsConfigArgs,
    ClusterWorkloadIdentityConfigArgs,
)

from components.clusters.gke.network import PODS, SERVICES
from planning.clusters.gke import Access, ByAddress, ByName, Inside, PlannedGke, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneArgs:
    """`key` is None where Google's own keys do."""

    plan: PlannedGke
    network: Output[str]
    subnet: Output[str]
    node_account: Output[str]
    key: Output[str] | None


class GkeControlPlane(pulumi.ComponentResource):
    """`endpoint` is the host that answers, a name or an address; `certificate` its authority in base64, empty where
    the public ones vouch for it. `workload_pool` is known when there are identities in it."""

    cluster: Output[str]
    endpoint: Output[str]
    certificate: Output[str]
    workload_pool: Output[str]

    def __init__(self, name: str, args: ControlPlaneArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("tritonup:clusters:GkeControlPlane", name, None, opts)
        plan = args.plan
        access = plan.access.value
        made = Cluster(
            f"{name}-gke",
            project=plan.project,
            location=plan.region,
            node_locations=list(plan.zones.value),
            min_master_version=plan.kubernetes.value,
            release_channel=ClusterReleaseChannelArgs(channel=plan.channel.value),
            deletion_protection=plan.deletion_protection.value,
            resource_labels=plan.labels,
            # network
            network=args.network,
            subnetwork=args.subnet,
            networking_mode="VPC_NATIVE",
            ip_allocation_policy=ClusterIpAllocationPolicyArgs(
                cluster_secondary_range_name=PODS, services_secondary_range_name=SERVICES, stack_type="IPV4"
            ),
            datapath_provider="ADVANCED_DATAPATH",
            enable_intranode_visibility=True,
            enable_l4_ilb_subsetting=True,
            service_external_ips_config=ClusterServiceExternalIpsConfigArgs(enabled=False),
            # who gets in
            private_cluster_config=ClusterPrivateClusterConfigArgs(
                enable_private_nodes=True, enable_private_endpoint=isinstance(access, Inside)
            ),
            control_plane_endpoints_config=ClusterControlPlaneEndpointsConfigArgs(
                dns_endpoint_config=ClusterControlPlaneEndpointsConfigDnsEndpointConfigArgs(
                    allow_external_traffic=isinstance(access, ByName)
                ),
                ip_endpoints_config=ClusterControlPlaneEndpointsConfigIpEndpointsConfigArgs(
                    enabled=not isinstance(access, ByName)
                ),
            ),
            master_authorized_networks_config=_networks(access),
            master_auth=ClusterMasterAuthArgs(
                client_certificate_config=ClusterMasterAuthClientCertificateConfigArgs(issue_client_certificate=False)
            ),
            anonymous_authentication_config=ClusterAnonymousAuthenticationConfigArgs(mode="LIMITED"),
            rbac_binding_config=ClusterRbacBindingConfigArgs(
                enable_insecure_binding_system_authenticated=False,
                enable_insecure_binding_system_unauthenticated=False,
            ),
            authenticator_groups_config=ClusterAuthenticatorGroupsConfigArgs(security_group=plan.security_group)
            if plan.security_group
            else None,
            enable_legacy_abac=False,
            enable_kubernetes_alpha=False,
            # what runs
            workload_identity_config=ClusterWorkloadIdentityConfigArgs(workload_pool=plan.workload_pool),
            database_encryption=ClusterDatabaseEncryptionArgs(state="ENCRYPTED", key_name=args.key)
            if args.key is not None
            else ClusterDatabaseEncryptionArgs(state="DECRYPTED"),
            binary_authorization=ClusterBinaryAuthorizationArgs(
                evaluation_mode="PROJECT_SINGLETON_POLICY_ENFORCE" if plan.binary_authorization.value else "DISABLED"
            ),
            security_posture_config=ClusterSecurityPostureConfigArgs(
                mode="BASIC", vulnerability_mode="VULNERABILITY_DISABLED"
            ),
            enable_shielded_nodes=True,
            addons_config=ClusterAddonsConfigArgs(
                dns_cache_config=ClusterAddonsConfigDnsCacheConfigArgs(enabled=True),
                gce_persistent_disk_csi_driver_config=ClusterAddonsConfigGcePersistentDiskCsiDriverConfigArgs(
                    enabled=True
                ),
                gcp_filestore_csi_driver_config=ClusterAddonsConfigGcpFilestoreCsiDriverConfigArgs(enabled=True)
                if plan.filestore.value
                else None,
                horizontal_pod_autoscaling=ClusterAddonsConfigHorizontalPodAutoscalingArgs(disabled=False),
                http_load_balancing=ClusterAddonsConfigHttpLoadBalancingArgs(disabled=False),
                # Dataplane V2 enforces NetworkPolicies itself; this is Calico's switch.
                network_policy_config=ClusterAddonsConfigNetworkPolicyConfigArgs(disabled=True),
            ),
            # An idle GPU node costs: it goes as soon as its pods fit elsewhere. No pools are made behind our back.
            cluster_autoscaling=ClusterClusterAutoscalingArgs(
                enabled=False, autoscaling_profile="OPTIMIZE_UTILIZATION"
            ),
            # what is seen
            logging_config=ClusterLoggingConfigArgs(enable_components=list(plan.logs.value)),
            monitoring_config=ClusterMonitoringConfigArgs(
                enable_components=list(plan.metrics.value),
                managed_prometheus=ClusterMonitoringConfigManagedPrometheusArgs(enabled=plan.managed_prometheus.value),
            ),
            cost_management_config=ClusterCostManagementConfigArgs(enabled=True),
            maintenance_policy=_maintenance(plan.window.value),
            # the pool that goes again
            remove_default_node_pool=True,
            initial_node_count=1,
            node_config=ClusterNodeConfigArgs(
                machine_type="e2-medium",
                image_type="COS_CONTAINERD",
                service_account=args.node_account,
                oauth_scopes=["https://www.googleapis.com/auth/cloud-platform"],
                boot_disk_kms_key=args.key,
                shielded_instance_config=ClusterNodeConfigShieldedInstanceConfigArgs(
                    enable_secure_boot=True, enable_integrity_monitoring=True
                ),
                workload_metadata_config=ClusterNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
                metadata={"disable-legacy-endpoints": "true"},
            ),
            opts=ResourceOptions(
                parent=self,
                protect=plan.deletion_protection.value,
                # Of the pool that went: what GKE says of it afterwards is another pool's.
                ignore_changes=["nodeConfig", "initialNodeCount"],
            ),
        )
        self.cluster = made.name
        self.endpoint, self.certificate = _answers(made, access)
        self.workload_pool = made.workload_identity_config.apply(
            lambda identity: identity.workload_pool or plan.workload_pool
        )
        self.register_outputs({"cluster": self.cluster, "endpoint": self.endpoint})


def _networks(access: Access) -> ClusterMasterAuthorizedNetworksConfigArgs | None:
    match access:
        case ByName():
            return None
        case ByAddress(networks=networks):
            return ClusterMasterAuthorizedNetworksConfigArgs(
                cidr_blocks=[
                    ClusterMasterAuthorizedNetworksConfigCidrBlockArgs(cidr_block=network) for network in networks
                ],
                gcp_public_cidrs_access_enabled=False,
                private_endpoint_enforcement_enabled=True,
            )
        case Inside():
            return ClusterMasterAuthorizedNetworksConfigArgs(cidr_blocks=[], gcp_public_cidrs_access_enabled=False)


def _answers(made: Cluster, access: Access) -> tuple[Output[str], Output[str]]:
    """Who answers, and whose certificate it has. A DNS endpoint has one that every system trusts."""
    if isinstance(access, ByName):
        name = made.control_plane_endpoints_config.apply(
            lambda config: (config.dns_endpoint_config.endpoint if config.dns_endpoint_config else None) or ""
        )
        return name, Output.from_input("")
    authority = made.master_auth.apply(lambda auth: auth.cluster_ca_certificate or "")
    return made.endpoint, authority


def _maintenance(window: Window) -> ClusterMaintenancePolicyArgs:
    return ClusterMaintenancePolicyArgs(
        recurring_window=ClusterMaintenancePolicyRecurringWindowArgs(
            start_time=window.start, end_time=window.end, recurrence=window.recurrence
        ),
        maintenance_exclusions=[
            ClusterMaintenancePolicyMaintenanceExclusionArgs(
                exclusion_name=one.name,
                start_time=one.start,
                end_time=one.end,
                exclusion_options=ClusterMaintenancePolicyMaintenanceExclusionExclusionOptionsArgs(scope=one.scope),
            )
            for one in window.exclusions
        ],
    )
