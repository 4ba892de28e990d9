"""What the recorded program of stack `dev` asks of Google Cloud keeps the CIS Google Kubernetes Engine Benchmark.

Each test names the recommendation that it holds, by its id in versions 1.6 to 1.9 of the benchmark. Those that say
nothing of a cluster but of a project or of people (5.1.x, 5.10.1) are not here.
"""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from cloud_program import NUMBER, PROJECT_ASKED, CloudProgram, dev, recorded_program
from rendered_stack import planned_from, raw_settings

from stacks.made import make_cluster
from stacks.recording import is_unknown, leaves, record
from tests.unit.planning.world import SIGNING


@pytest.fixture(scope="module")
def program(assembled_models: None) -> CloudProgram:
    return dev()


def test_cis_4_2_4_the_kubelets_read_only_port_is_closed(program: CloudProgram) -> None:
    for name, pool in program.of("NodePool").items():
        assert pool["nodeConfig"]["kubeletConfig"]["insecureKubeletReadonlyPortEnabled"] == "FALSE", name


def test_cis_5_2_1_nodes_have_an_account_of_their_own_with_the_least_roles(program: CloudProgram) -> None:
    (account,) = program.of("Account")
    assert account == "nodes-account"
    # The address is known only to the cloud; Compute Engine's default account would be an absent or a known one.
    for name, config in program.node_configs():
        assert is_unknown(config["serviceAccount"]), name
    roles = {grant["role"] for grant in program.of("IAMMember").values()}
    assert roles == {"roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader"}


def test_cis_5_2_2_pods_have_identities_of_their_own(program: CloudProgram) -> None:
    cluster = program.one("Cluster")
    assert cluster["workloadIdentityConfig"] == {"workloadPool": f"{program.gke.project}.svc.id.goog"}
    members = {grant["member"] for grant in program.of("ManagedFolderIamMember").values()}
    assert len(members) == len(program.plan.servers)
    for server in program.plan.servers:
        suffix = f"/subject/ns/{program.plan.namespace}/sa/{server.name}"
        assert any(f"/projects/{NUMBER}/" in member and member.endswith(suffix) for member in members)


def test_cis_5_3_1_secrets_are_encrypted_with_a_key_of_ours(program: CloudProgram) -> None:
    encryption = program.one("Cluster")["databaseEncryption"]
    assert encryption["state"] == "ENCRYPTED"
    assert is_unknown(encryption["keyName"])
    assert program.one("CryptoKey")["rotationPeriod"] == f"{90 * 24 * 3600}s"
    agent = f"serviceAccount:service-{NUMBER}@container-engine-robot.iam.gserviceaccount.com"
    grants = program.of("CryptoKeyIAMMember").values()
    assert {"roles/cloudkms.cryptoKeyEncrypterDecrypter"} == {grant["role"] for grant in grants}
    assert agent in {grant["member"] for grant in grants}


def test_cis_5_4_1_pods_reach_gkes_metadata_server_and_not_the_machines(program: CloudProgram) -> None:
    for name, config in program.node_configs():
        assert config["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}, name
        assert config["metadata"]["disable-legacy-endpoints"] == "true", name


def test_cis_5_5_1_nodes_run_container_optimized_os(program: CloudProgram) -> None:
    assert {config["imageType"] for _, config in program.node_configs()} == {"COS_CONTAINERD"}


def test_cis_5_5_2_and_5_5_3_nodes_are_repaired_and_upgraded(program: CloudProgram) -> None:
    for name, pool in program.of("NodePool").items():
        assert pool["management"] == {"autoRepair": True, "autoUpgrade": True}, name


def test_cis_5_5_4_the_version_comes_from_a_release_channel(program: CloudProgram) -> None:
    assert program.one("Cluster")["releaseChannel"]["channel"] in {"RAPID", "REGULAR", "STABLE"}


def test_cis_5_5_5_to_5_5_7_nodes_are_shielded_whole_and_boot_securely(program: CloudProgram) -> None:
    assert program.one("Cluster")["enableShieldedNodes"] is True
    for name, config in program.node_configs():
        shield = config["shieldedInstanceConfig"]
        assert shield == {"enableIntegrityMonitoring": True, "enableSecureBoot": True}, name


def test_cis_5_6_1_traffic_is_logged_and_seen_between_pods_of_a_node(program: CloudProgram) -> None:
    assert program.one("Cluster")["enableIntranodeVisibility"] is True
    assert program.one("Subnetwork")["logConfig"]["flowSampling"] > 0


def test_cis_5_6_2_pods_have_addresses_of_the_network(program: CloudProgram) -> None:
    cluster = program.one("Cluster")
    assert cluster["networkingMode"] == "VPC_NATIVE"
    ranges = {one["rangeName"]: one["ipCidrRange"] for one in program.one("Subnetwork")["secondaryIpRanges"]}
    policy = cluster["ipAllocationPolicy"]
    assert {policy["clusterSecondaryRangeName"], policy["servicesSecondaryRangeName"]} == set(ranges)


def test_cis_5_6_3_only_allowed_networks_reach_the_control_plane(program: CloudProgram) -> None:
    networks = program.one("Cluster")["masterAuthorizedNetworksConfig"]
    assert networks["gcpPublicCidrsAccessEnabled"] is False
    allowed = [block["cidrBlock"] for block in networks["cidrBlocks"]]
    assert allowed
    assert all(ip_network(block).prefixlen >= 8 for block in allowed)


def test_cis_5_6_4_a_private_control_plane_has_no_public_address(assembled_models: None) -> None:
    private = recorded_program("dev", lambda raw: raw["cluster"].update(endpoint={"kind": "private"}))
    assert private.one("Cluster")["privateClusterConfig"]["enablePrivateEndpoint"] is True
    assert private.one("Cluster")["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["allowExternalTraffic"] is False
    # and what cannot be reached from here is not tried
    assert not [one for one in private.resources if one.type.startswith("kubernetes:")]


def test_cis_5_6_5_nodes_are_private(program: CloudProgram) -> None:
    assert program.one("Cluster")["privateClusterConfig"]["enablePrivateNodes"] is True
    for name, pool in program.of("NodePool").items():
        assert pool["networkConfig"]["enablePrivateNodes"] is True, name


def test_cis_5_6_7_network_policies_are_enforced(program: CloudProgram) -> None:
    assert program.one("Cluster")["datapathProvider"] == "ADVANCED_DATAPATH"


def test_cis_5_7_1_the_control_plane_logs_and_is_measured(program: CloudProgram) -> None:
    cluster = program.one("Cluster")
    logs = set(cluster["loggingConfig"]["enableComponents"])
    assert {"SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"} <= logs
    assert "SYSTEM_COMPONENTS" in cluster["monitoringConfig"]["enableComponents"]


def test_cis_5_8_1_no_client_certificate_is_issued(program: CloudProgram) -> None:
    issued = program.one("Cluster")["masterAuth"]["clientCertificateConfig"]
    assert issued == {"issueClientCertificate": False}


def test_cis_5_8_2_groups_of_the_domain_can_be_bound(assembled_models: None) -> None:
    group = "gke-security-groups@acme.example"
    changed = recorded_program("dev", lambda raw: raw["cluster"].update(security_group=group))
    assert changed.one("Cluster")["authenticatorGroupsConfig"] == {"securityGroup": group}


def test_cis_5_8_3_legacy_authorization_is_off(program: CloudProgram) -> None:
    assert program.one("Cluster")["enableLegacyAbac"] is False


def test_cis_5_9_2_node_disks_are_encrypted_with_a_key_of_ours(program: CloudProgram) -> None:
    for name, config in program.node_configs():
        assert is_unknown(config["bootDiskKmsKey"]), name
    agent = f"serviceAccount:service-{NUMBER}@compute-system.iam.gserviceaccount.com"
    assert agent in {grant["member"] for grant in program.of("CryptoKeyIAMMember").values()}


def test_cis_5_10_2_it_is_no_alpha_cluster(program: CloudProgram) -> None:
    assert program.one("Cluster")["enableKubernetesAlpha"] is False


def test_cis_5_10_5_binary_authorization_is_enforced(program: CloudProgram) -> None:
    assert program.one("Cluster")["binaryAuthorization"] == {"evaluationMode": "PROJECT_SINGLETON_POLICY_ENFORCE"}


def test_cve_2020_8554_services_cannot_take_addresses_of_others(program: CloudProgram) -> None:
    assert program.one("Cluster")["serviceExternalIpsConfig"] == {"enabled": False}


def test_nobody_without_a_name_is_let_in(program: CloudProgram) -> None:
    cluster = program.one("Cluster")
    assert cluster["anonymousAuthenticationConfig"] == {"mode": "LIMITED"}
    assert set(cluster["rbacBindingConfig"].values()) == {False}


def test_the_public_can_do_nothing(program: CloudProgram) -> None:
    for one in program.resources:
        for path, value in leaves(one.inputs):
            assert value not in {"allUsers", "allAuthenticatedUsers"}, f"{one.name}: {path}"


def test_a_server_reads_its_own_folder_and_sees_no_other(program: CloudProgram) -> None:
    for server in program.plan.servers:
        folder = program.of("ManagedFolder")[f"models-{server.name}-folder"]
        grant = program.of("ManagedFolderIamMember")[f"models-{server.name}-reads"]
        assert grant["managedFolder"] == folder["name"]
        assert grant["role"] == "roles/storage.objectViewer"
        below = f"gs://{folder['bucket']}/{folder['name']}"
        assert server.storage.repository.value.startswith(below)
        others = [other for other in program.plan.servers if other is not server]
        assert not [other for other in others if other.storage.repository.value.startswith(below)]
    # On the bucket as a whole nobody may list or read objects.
    assert {grant["role"] for grant in program.of("BucketIAMMember").values()} == {"roles/storage.bucketViewer"}


def test_engines_are_added_by_their_builder_alone_and_replaced_by_nobody(assembled_models: None) -> None:
    raw = raw_settings("dev")
    raw["model_repository"]["signing"] = SIGNING
    raw["model_repository"]["destination"]["engines"] = {}
    plan = planned_from(raw)
    made = record(lambda: make_cluster(plan), stack="dev", calls=PROJECT_ASKED)
    grants = {one.name: one.inputs for one in made if one.type.endswith(":ManagedFolderIamMember")}
    roles = {name: grant["role"] for name, grant in grants.items()}
    assert {name for name, role in roles.items() if role != "roles/storage.objectViewer"} == {"models-engines-adds"}
    assert roles["models-engines-adds"] == "roles/storage.objectCreator"
    assert grants["models-engines-adds"]["managedFolder"] == "engines/"


def test_a_bucket_that_is_made_is_closed_versioned_and_never_emptied(assembled_models: None) -> None:
    made = recorded_program("dev", lambda raw: raw["cluster"].update(model_bucket={"kind": "made"}))
    bucket = made.one("Bucket")
    assert bucket["publicAccessPrevention"] == "enforced"
    assert bucket["uniformBucketLevelAccess"] is True
    assert bucket["versioning"] == {"enabled": True}
    assert bucket["forceDestroy"] is False
    assert bucket["name"] == made.gke.models.bucket if made.gke.models else False


def test_the_cluster_cannot_be_deleted_by_mistake(program: CloudProgram) -> None:
    assert program.one("Cluster")["deletionProtection"] is True
