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

from eks_variants import KEY, PUBLIC
from recorded_eks import RecordedEks, karpenter_of, prod_eks, recorded_eks, statements


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


def test_deleting_is_refused_until_the_stack_file_allows_it() -> None:
    assert prod_eks().one("eks/cluster")["deletionProtection"] is True
    allowed = recorded_eks(lambda raw: raw["cluster"].update(deletion="allowed"))
    assert allowed.one("eks/cluster")["deletionProtection"] is False


def test_a_held_add_on_is_taken_as_held_and_of_the_others_awss_default() -> None:
    held = recorded_eks(lambda raw: raw["cluster"].update(add_ons={"vpc-cni": "v1.20.4-eksbuild.1"}))
    assert held.add_ons["vpc-cni"] == "v1.20.4-eksbuild.1"
    assert held.add_ons["coredns"] == "v9.9.9-eksbuild.9"


def test_everything_carries_the_users_tags(eks: RecordedEks) -> None:
    for resource in eks.resources:
        if "tags" in resource.inputs:
            assert {"team": "inference", "tritonup/cluster": "inference"}.items() <= resource.inputs["tags"].items()
