"""What no EKS cluster of ours may be: each test names the rule that it keeps.

CIS numbers are of the CIS Amazon EKS Benchmark 1.8 and, where said, of the CIS AWS Foundations Benchmark 3.0. S3 and
KMS numbers with `fsbp` are of AWS Foundational Security Best Practices (docs.aws.amazon.com/securityhub/latest/
userguide/s3-controls.html).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

import pytest
import yaml
from recorded_eks import GROUP, RecordedEks, karpenter_of, prod_eks, recorded_eks, statements

from tests.unit.planning.world import SIGNING

PUBLIC = {"kind": "public", "allow": ["203.0.113.0/24", "198.51.100.7/32"]}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
MADE_KEY = "arn:aws:kms:us-east-1:123456789012:cluster-models-bucket-key"
MODELS_KEY = "arn:aws:kms:us-east-1:123456789012:key/2c3d"
READERS = "arn:aws:iam::123456789012:role/inference-models-read"
BUCKET = "arn:aws:s3:::acme-inference-prod-models"


def _public(raw: dict[str, Any]) -> None:
    raw["cluster"]["endpoint"] = PUBLIC


def _autoscaled(raw: dict[str, Any]) -> None:
    raw["controllers"]["karpenter"] = "none"


def _own_key(raw: dict[str, Any]) -> None:
    raw["cluster"]["key"] = KEY


def _given(raw: dict[str, Any]) -> None:
    """Everything is there already: a bucket with its key, and who may read it."""
    raw["cluster"]["model_bucket"] = {"kind": "existing", "key": MODELS_KEY}
    raw["model_repository"]["destination"]["role"] = READERS


def _building(raw: dict[str, Any]) -> None:
    """Engines are built, by who is made for it, and pods fetch what they serve."""
    raw["model_repository"]["signing"] = SIGNING
    raw["images"]["registry"] = "registry.example/acme"
    raw["model_repository"]["destination"] |= {"engines": {}, "delivery": {"kind": "fetched"}}
    raw["cluster"]["model_bucket"] = {"kind": "made", "key": MODELS_KEY}


def _drivers(raw: dict[str, Any]) -> None:
    raw["cluster"]["volumes"] = ["ebs", "efs", "fsx"]


EDITS = {
    "prod": None,
    "public": _public,
    "autoscaled": _autoscaled,
    "own-key": _own_key,
    "drivers": _drivers,
    "given": _given,
    "building": _building,
}


@pytest.fixture(params=EDITS, scope="module")
def eks(request: pytest.FixtureRequest, assembled_models: None) -> RecordedEks:
    """Stack prod's cluster, and that of other settings."""
    edit = EDITS[request.param]
    return prod_eks() if edit is None else recorded_eks(edit)


@pytest.fixture
def prod(assembled_models: None) -> RecordedEks:
    return prod_eks()


def policies(eks: RecordedEks) -> list[Mapping[str, Any]]:
    """Every statement of every policy that a role has."""
    return [each for policy in eks.of("iam/rolePolicy") for each in statements(policy.inputs["policy"])]


def test_every_log_of_the_control_plane_is_kept_encrypted_and_for_as_long_as_asked_cis_2_1_1(eks: RecordedEks) -> None:
    cluster = eks.one("eks/cluster")
    assert set(cluster["enabledClusterLogTypes"]) == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }
    group = eks.named("cloudwatch/logGroup", "cluster-control-logs")
    # EKS chooses the name; a group that it made itself would keep logs for ever, unencrypted.
    assert group["name"] == f"/aws/eks/{cluster['name']}/cluster"
    for group in eks.of("cloudwatch/logGroup"):
        assert group.inputs["kmsKeyId"]
        assert group.inputs["retentionInDays"] == 90


def test_secrets_are_encrypted_by_a_key_of_the_users_or_of_the_clusters_own_cis_5_3_1(eks: RecordedEks) -> None:
    encryption = eks.one("eks/cluster")["encryptionConfig"]
    assert encryption["resources"] == ["secrets"]
    keys = [] if eks.none("kms/key") else eks.of("kms/key")
    made = [key for key in keys if key.name == "cluster-key"]
    assert encryption["provider"]["keyArn"] == (f"arn:aws:kms:us-east-1:123456789012:{made[0].name}" if made else KEY)
    assert len(made) == (eks.planned.key is None)
    for key in made:
        assert key.inputs["enableKeyRotation"] is True, "CIS AWS Foundations 3.6"
        assert key.inputs["deletionWindowInDays"] == 30
        allowed = statements(key.inputs["policy"])
        assert not any(statement["Principal"] == "*" for statement in allowed)
        (logs,) = [each for each in allowed if each["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}]
        contexts = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        groups = {group.inputs["name"] for group in eks.of("cloudwatch/logGroup")}
        assert {context.partition("log-group:")[2] for context in contexts} == groups


def test_the_control_plane_answers_inside_and_otherwise_to_named_networks_alone_cis_5_4_1_5_4_2(
    eks: RecordedEks,
) -> None:
    reached = eks.one("eks/cluster")["vpcConfig"]
    assert reached["endpointPrivateAccess"] is True
    if eks.planned.endpoint.kind == "private":
        assert reached["endpointPublicAccess"] is False
        assert "publicAccessCidrs" not in reached
    else:
        assert reached["endpointPublicAccess"] is True
        assert reached["publicAccessCidrs"] == PUBLIC["allow"]
        assert "0.0.0.0/0" not in reached["publicAccessCidrs"]


def test_networks_beyond_the_vpc_reach_a_private_control_plane_only_where_they_are_named_cis_5_4_1(
    prod: RecordedEks,
) -> None:
    def from_beyond(eks: RecordedEks) -> list[str]:
        (group,) = eks.one("eks/cluster")["vpcConfig"]["securityGroupIds"]
        rules = [rule.inputs for rule in eks.of("vpc/securityGroupIngressRule")]
        return [rule["cidrIpv4"] for rule in rules if rule["securityGroupId"] == group]

    assert from_beyond(prod) == ["10.0.0.0/8"] == list(prod.planned.reach)
    assert from_beyond(recorded_eks(lambda raw: raw["cluster"].update(reach=[]))) == []


def test_nodes_are_in_private_subnets_and_get_no_public_address_cis_5_4_3(eks: RecordedEks) -> None:
    private = {f"id-{each.name}" for each in eks.of("ec2/subnet") if "-private-" in each.name}
    assert len(private) == len(eks.planned.network.zones)
    for group in eks.of("eks/nodeGroup"):
        assert set(group.inputs["subnetIds"]) == private
        assert "remoteAccess" not in group.inputs
    assert not any(subnet.inputs["mapPublicIpOnLaunch"] for subnet in eks.of("ec2/subnet"))
    ways_out = {route.inputs["routeTableId"]: route.inputs for route in eks.of("ec2/route")}
    tables = {link.inputs["subnetId"]: link.inputs["routeTableId"] for link in eks.of("ec2/routeTableAssociation")}
    assert all("natGatewayId" in ways_out[tables[subnet]] for subnet in private)


def test_where_aws_has_its_interfaces_there_is_no_way_out_of_the_vpc(eks: RecordedEks) -> None:
    """docs.aws.amazon.com/eks/latest/best-practices/subnets.html."""
    inner = {f"id-{each.name}" for each in eks.of("ec2/subnet") if "-inner-" in each.name}
    assert set(eks.one("eks/cluster")["vpcConfig"]["subnetIds"]) == inner
    tables = {
        link.inputs["routeTableId"] for link in eks.of("ec2/routeTableAssociation") if link.inputs["subnetId"] in inner
    }
    assert tables
    assert not any(route.inputs["routeTableId"] in tables for route in eks.of("ec2/route"))


def test_network_policies_are_kept_cis_5_4_4(eks: RecordedEks) -> None:
    values = json.loads(eks.named("eks/addon", "cluster-vpc-cni")["configurationValues"])
    assert values["enableNetworkPolicy"] == "true"
    assert values["env"]["ENABLE_PREFIX_DELEGATION"] == "true"


def test_nodes_may_pull_images_and_join_and_nothing_else_cis_5_1_3(eks: RecordedEks) -> None:
    nodes = {role.name for role in eks.of("iam/role") if "ec2.amazonaws.com" in role.inputs["assumeRolePolicy"]}
    assert nodes
    for role in nodes:
        mine = {
            attached.inputs["policyArn"].rpartition("/")[2]
            for attached in eks.of("iam/rolePolicyAttachment")
            if attached.name.startswith(f"{role}-")
        }
        assert mine == {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"}
        assert role not in {policy.name for policy in eks.of("iam/rolePolicy")}


def test_metadata_of_a_node_needs_a_session_and_does_not_reach_pods_cis_aws_5_6(eks: RecordedEks) -> None:
    for template in eks.of("ec2/launchTemplate"):
        options = template.inputs["metadataOptions"]
        assert options["httpTokens"] == "required"
        assert options["httpPutResponseHopLimit"] == 1


def test_every_disk_of_a_node_is_encrypted_cis_aws_2_2_1(eks: RecordedEks) -> None:
    for template in eks.of("ec2/launchTemplate"):
        disks = template.inputs["blockDeviceMappings"]
        assert [disk["deviceName"] for disk in disks] == ["/dev/xvda"]
        assert all(disk["ebs"]["encrypted"] == "true" and disk["ebs"]["volumeType"] == "gp3" for disk in disks)


def test_people_come_in_by_access_entries_and_a_config_map_is_never_read_cis_5_5_1() -> None:
    grants: list[dict[str, Any]] = [
        {"principal": "arn:aws:iam::123456789012:role/platform", "may": "administer"},
        {"principal": "arn:aws:iam::123456789012:role/readers/on-call", "may": "view"},
        {"principal": "arn:aws:iam::123456789012:role/builders", "may": "groups", "groups": ["ml"]},
    ]
    eks = recorded_eks(lambda raw: raw["cluster"].update(access=grants))
    config = eks.one("eks/cluster")["accessConfig"]
    assert config == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    entries = {each.inputs["principalArn"]: each.inputs["type"] for each in eks.of("eks/accessEntry")}
    assert {principal: entries[principal] for principal in (grant["principal"] for grant in grants)} == {
        grant["principal"]: "STANDARD" for grant in grants
    }
    groups = {each.inputs["principalArn"]: each.inputs.get("kubernetesGroups") for each in eks.of("eks/accessEntry")}
    assert [groups[grant["principal"]] for grant in grants] == [None, None, ["ml"]]
    policies = {each.inputs["principalArn"]: each.inputs for each in eks.of("eks/accessPolicyAssociation")}
    assert {principal: each["policyArn"].rpartition("/")[2] for principal, each in policies.items()} == {
        "arn:aws:iam::123456789012:role/platform": "AmazonEKSClusterAdminPolicy",
        "arn:aws:iam::123456789012:role/readers/on-call": "AmazonEKSViewPolicy",
    }


def test_whoever_creates_a_cluster_without_administrators_is_not_locked_out() -> None:
    nobody = recorded_eks(lambda raw: raw["cluster"].pop("access"))
    assert nobody.one("eks/cluster")["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] is True


def test_the_default_security_group_lets_nothing_through_cis_aws_5_4(eks: RecordedEks) -> None:
    group = eks.one("ec2/defaultSecurityGroup")
    assert not group.get("ingress")
    assert not group.get("egress")


def test_nobody_outside_named_networks_reaches_a_security_group_cis_aws_5_2(eks: RecordedEks) -> None:
    vpc = ip_network(eks.planned.network.cidr)
    for rule in eks.of("vpc/securityGroupIngressRule"):
        assert rule.inputs["fromPort"] == rule.inputs["toPort"] == 443
        cidr = ip_network(rule.inputs["cidrIpv4"])
        assert cidr == vpc or str(cidr) in eks.planned.reach
    for group in eks.of("ec2/securityGroup"):
        assert not group.inputs.get("ingress")


def test_all_traffic_of_the_vpc_is_logged_cis_aws_3_7(eks: RecordedEks) -> None:
    log = eks.one("ec2/flowLog")
    assert log["trafficType"] == "ALL"
    assert log["vpcId"] == f"id-{eks.of('ec2/vpc')[0].name}"


def test_a_zones_way_out_is_its_own(eks: RecordedEks) -> None:
    gateways = {gateway.name: gateway.inputs["subnetId"] for gateway in eks.of("ec2/natGateway")}
    assert len(gateways) == len(eks.planned.network.zones)
    for name, subnet in gateways.items():
        zone = name.partition("-nat-")[2]
        assert subnet.endswith(f"-public-{zone}")
        (route,) = [each.inputs for each in eks.of("ec2/route") if each.name.endswith(f"private-out-{zone}")]
        assert route["natGatewayId"] == f"id-{name}"


def test_a_controllers_role_is_for_one_service_account_of_this_cluster_cis_5_2_1(eks: RecordedEks) -> None:
    taken = [
        statement
        for role in eks.of("iam/role")
        for statement in statements(role.inputs["assumeRolePolicy"])
        if statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    ]
    accounts = []
    for statement in taken:
        tags = statement["Condition"]["StringEquals"]
        assert tags["aws:RequestTag/eks-cluster-name"] == eks.planned.name.value
        assert tags["aws:SourceAccount"] == "123456789012"
        accounts.append(
            (tags["aws:RequestTag/kubernetes-namespace"], tags["aws:RequestTag/kubernetes-service-account"])
        )
    wanted = [add_on.identity for add_on in eks.planned.add_ons if add_on.identity] + [eks.planned.scaler.identity]
    assert sorted(accounts) == sorted((identity.namespace, identity.account) for identity in wanted)


def test_no_policy_of_ours_allows_every_action_or_changes_what_is_not_the_clusters(eks: RecordedEks) -> None:
    reading = ("Describe", "Get", "List")
    for statement in policies(eks):
        for action in statement["Action"]:
            assert not action.endswith("*"), statement
            if "*" in statement["Resource"] and not action.partition(":")[2].startswith(reading):
                assert any("ResourceTag/" in key for keys in statement["Condition"].values() for key in keys), statement


def _rights_of(eks: RecordedEks, account: str) -> dict[str, Mapping[str, Any]]:
    return {
        each["Sid"]: each for each in statements(eks.named("iam/rolePolicy", f"cluster-models-{account}")["policy"])
    }


def test_a_server_reads_its_own_models_and_no_others(prod: RecordedEks) -> None:
    issuer = "oidc.eks.us-east-1.amazonaws.com/id/0123"
    for server in ("vision", "text"):
        role = prod.named("iam/role", f"cluster-models-{server}")
        assert role["name"] == f"inference-us-east-1-models-{server}"
        (trust,) = statements(role["assumeRolePolicy"])
        assert trust["Condition"] == {
            "StringEquals": {
                f"{issuer}:sub": f"system:serviceaccount:inference:{server}",
                f"{issuer}:aud": "sts.amazonaws.com",
            }
        }
        rights = _rights_of(prod, server)
        assert set(rights) == {"ListItsPart", "FindTheBucket", "ReadItsPart", "UseTheKeyInS3"}
        listing, reading = rights["ListItsPart"], rights["ReadItsPart"]
        assert (listing["Action"], listing["Resource"]) == (["s3:ListBucket"], [BUCKET])
        assert listing["Condition"]["StringLike"]["s3:prefix"] == [f"triton/{server}/", f"triton/{server}/*"]
        assert (reading["Action"], reading["Resource"]) == (["s3:GetObject"], [f"{BUCKET}/triton/{server}/*"])


def test_triton_may_ask_whether_its_bucket_is_there_and_pods_that_fetch_need_not(prod: RecordedEks) -> None:
    """HeadBucket has no prefix, and Triton gives up where it is refused (triton-inference-server/core,
    S3FileSystem::CheckClient)."""
    asks = _rights_of(prod, "vision")["FindTheBucket"]
    assert (asks["Action"], asks["Resource"]) == (["s3:ListBucket"], [BUCKET])
    assert asks["Condition"] == {"Null": {"s3:prefix": "true"}}
    assert "FindTheBucket" not in _rights_of(recorded_eks(_building), "vision")


def test_engines_are_written_by_their_builder_alone_and_nothing_else_is(assembled_models: None) -> None:
    eks = recorded_eks(_building)
    rights = _rights_of(eks, "engine-builder")
    writing, key = rights["WriteItsPart"], rights["UseTheKeyInS3"]
    assert writing["Action"] == ["s3:PutObject", "s3:AbortMultipartUpload"]
    assert writing["Resource"] == [f"{BUCKET}/triton/engines/*"]
    assert rights["ReadItsPart"]["Resource"] == [f"{BUCKET}/triton/engine-sources/*", f"{BUCKET}/triton/engines/*"]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    writers = {
        policy.name
        for policy in eks.of("iam/rolePolicy")
        for each in statements(policy.inputs["policy"])
        if any(action.startswith(("s3:Put", "s3:Delete")) for action in each["Action"])
    }
    assert writers == {"cluster-models-engine-builder"}


def test_the_models_key_is_used_through_s3_alone_and_for_this_bucket(prod: RecordedEks) -> None:
    for eks, key in (
        (prod, "arn:aws:kms:us-east-1:123456789012:cluster-models-bucket-key"),
        (recorded_eks(_building), MODELS_KEY),
    ):
        right = _rights_of(eks, "vision")["UseTheKeyInS3"]
        assert (right["Action"], right["Resource"]) == (["kms:Decrypt"], [key])
        assert right["Condition"] == {
            "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [BUCKET, f"{BUCKET}/triton/vision/*"]},
        }


def test_a_bucket_that_is_made_is_closed_to_the_public_fsbp_s3_8_cis_aws_2_1_4(prod: RecordedEks) -> None:
    closed = prod.one("s3/bucketPublicAccessBlock")
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(closed[switch] is True for switch in switches)
    assert prod.one("s3/bucketOwnershipControls")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}, "fsbp S3.12"


def test_a_bucket_that_is_made_is_reached_by_tls_alone_fsbp_s3_5_cis_aws_2_1_1(prod: RecordedEks) -> None:
    (denied,) = statements(prod.one("s3/bucketPolicy")["policy"])
    assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", ["s3:*"])
    assert denied["Resource"] == [BUCKET, f"{BUCKET}/*"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_bucket_that_is_made_is_encrypted_by_a_key_that_rotates_fsbp_s3_17_kms_4(prod: RecordedEks) -> None:
    for eks, key in (
        (prod, "arn:aws:kms:us-east-1:123456789012:cluster-models-bucket-key"),
        (recorded_eks(_building), MODELS_KEY),
    ):
        (rule,) = eks.one("s3/bucketServerSideEncryptionConfiguration")["rules"]
        assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}
        assert rule["bucketKeyEnabled"] is True
    made = prod.named("kms/key", "cluster-models-bucket-key")
    assert made["enableKeyRotation"] is True
    assert made["deletionWindowInDays"] == 30


def test_a_bucket_that_is_made_keeps_what_was_replaced_for_a_while_fsbp_s3_13_s3_14(prod: RecordedEks) -> None:
    assert prod.one("s3/bucketVersioning")["versioningConfiguration"] == {"status": "Enabled"}
    rules = {rule["id"]: rule for rule in prod.one("s3/bucketLifecycleConfiguration")["rules"]}
    assert rules["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rules["ended-uploads"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    # What servers read is never removed by age.
    assert not any("days" in rule.get("expiration", {}) for rule in rules.values())
    assert prod.one("s3/bucket")["forceDestroy"] is False


def test_a_bucket_that_is_there_is_left_alone_and_so_is_a_named_role(assembled_models: None) -> None:
    given = recorded_eks(_given)
    assert not [one for one in given.resources if one.type.startswith("aws:s3/")]
    assert not [role for role in given.of("iam/role") if "models" in role.name]


def test_the_provider_refuses_credentials_of_another_account(prod: RecordedEks) -> None:
    (provider,) = [one for one in prod.resources if one.type == "pulumi:providers:aws"]
    assert provider.inputs["allowedAccountIds"] in (["123456789012"], '["123456789012"]')


def test_the_kubeconfig_holds_no_credential_and_asks_for_a_token(eks: RecordedEks) -> None:
    (user,) = eks.kubeconfig["users"]
    assert set(user["user"]) == {"exec"}
    command = user["user"]["exec"]
    assert command["command"] == "aws"
    assert command["args"][command["args"].index("--cluster-name") + 1] == eks.planned.name.value
    assert "env" not in command
    (cluster,) = eks.kubeconfig["clusters"]
    assert set(cluster["cluster"]) == {"server", "certificate-authority-data"}
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]) == b"CERT"


def test_notices_are_encrypted_and_come_from_the_clusters_own_rules(prod: RecordedEks) -> None:
    queue = prod.one("sqs/queue")
    assert queue["sqsManagedSseEnabled"] is True
    assert queue["name"] == karpenter_of(prod.planned).queue
    allowed, denied = statements(prod.one("sqs/queuePolicy")["policy"])
    rules = prod.of("cloudwatch/eventRule")
    assert (
        len(allowed["Condition"]["ArnEquals"]["aws:SourceArn"]) == len(rules) == len(prod.of("cloudwatch/eventTarget"))
    )
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert {json.loads(rule.inputs["eventPattern"])["detail-type"][0] for rule in rules} == {
        "EC2 Spot Instance Interruption Warning",
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
        "AWS Health Event",
    }


def test_karpenter_changes_and_ends_only_what_it_made_for_this_cluster(prod: RecordedEks) -> None:
    owned = {"aws:ResourceTag/kubernetes.io/cluster/inference": "owned"}
    by_id = {
        each["Sid"]: each for each in statements(prod.named("iam/rolePolicy", "cluster-karpenter-controller")["policy"])
    }
    for sid in ("EndItsOwn", "NameItsInstances", "MakeInstancesFromItsOwnTemplates"):
        assert by_id[sid]["Condition"]["StringEquals"] == owned
    assert by_id["GiveNodesTheirRole"]["Resource"] == ["arn:aws:iam::123456789012:cluster-karpenter-node"]
    actions = {action for statement in by_id.values() for action in statement["Action"]}
    assert not {action for action in actions if action.startswith("iam:")} - {
        "iam:PassRole",
        "iam:GetInstanceProfile",
        "iam:ListInstanceProfiles",
    }


def test_karpenters_nodes_may_join_and_are_found_by_their_tag(prod: RecordedEks) -> None:
    key, value = karpenter_of(prod.planned).discovery
    assert prod.one("ec2/tag") == {"resourceId": GROUP, "key": key, "value": value}
    found = {subnet.name for subnet in prod.of("ec2/subnet") if subnet.inputs["tags"].get(key) == value}
    assert found == {subnet.name for subnet in prod.of("ec2/subnet") if "-private-" in subnet.name}
    entry = prod.named("eks/accessEntry", "cluster-karpenter-node")
    assert (entry["type"], entry["principalArn"]) == ("EC2_LINUX", "arn:aws:iam::123456789012:cluster-karpenter-node")


def test_deleting_is_refused_until_the_stack_file_allows_it() -> None:
    assert prod_eks().one("eks/cluster")["deletionProtection"] is True
    allowed = recorded_eks(lambda raw: raw["cluster"].update(deletion="allowed"))
    assert allowed.one("eks/cluster")["deletionProtection"] is False


def test_a_node_takes_as_many_pods_as_it_has_addresses_planned(eks: RecordedEks) -> None:
    groups = {group.name: group for group in (eks.planned.system, *eks.planned.groups)}
    for template in eks.of("ec2/launchTemplate"):
        text = base64.b64decode(template.inputs["userData"]).decode()
        part = text.partition("application/node.eks.aws\n\n")[2].partition("\n--tritonup--")[0]
        config = yaml.safe_load(part)
        assert (config["apiVersion"], config["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
        name = template.name.removeprefix("cluster-nodes-")
        assert config["spec"]["kubelet"]["config"] == {"maxPods": groups[name].max_pods.value}


def test_node_groups_are_the_planned_ones_and_are_repaired(eks: RecordedEks) -> None:
    made = {group.name.removeprefix("cluster-nodes-"): group.inputs for group in eks.of("eks/nodeGroup")}
    planned = {group.name: group for group in (eks.planned.system, *eks.planned.groups)}
    assert set(made) == set(planned)
    for name, group in planned.items():
        inputs = made[name]
        assert inputs["nodeRepairConfig"] == {"enabled": True}
        assert inputs["amiType"] == ("AL2023_x86_64_NVIDIA" if group.taints else "AL2023_x86_64_STANDARD")
        assert inputs["capacityType"] == group.capacity.upper().replace("-", "_")
        assert tuple(inputs["instanceTypes"]) == group.machines.value
        assert inputs["labels"] == dict(group.labels)
        assert [(taint["key"], taint["value"], taint["effect"]) for taint in inputs.get("taints", [])] == [
            (taint.key, taint.value, "NO_SCHEDULE") for taint in group.taints
        ]
        assert inputs["scalingConfig"] == {
            "minSize": group.minimum.value,
            "desiredSize": group.at_first.value,
            "maxSize": group.maximum.value,
        }


def test_a_held_add_on_is_taken_as_held_and_of_the_others_awss_default() -> None:
    held = recorded_eks(lambda raw: raw["cluster"].update(add_ons={"vpc-cni": "v1.20.4-eksbuild.1"}))
    assert held.add_ons["vpc-cni"] == "v1.20.4-eksbuild.1"
    assert held.add_ons["coredns"] == "v9.9.9-eksbuild.9"


def test_everything_carries_the_users_tags(eks: RecordedEks) -> None:
    for resource in eks.resources:
        if "tags" in resource.inputs:
            assert {"team": "inference", "tritonup/cluster": "inference"}.items() <= resource.inputs["tags"].items()
