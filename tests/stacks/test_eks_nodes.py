"""What no node of an EKS cluster of ours may be; whose the numbers are is said in test_eks_security.py."""

from __future__ import annotations

import base64

import yaml
from recorded_eks import GROUP, RecordedEks, karpenter_of


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


def test_karpenters_nodes_may_join_and_are_found_by_their_tag(prod: RecordedEks) -> None:
    key, value = karpenter_of(prod.planned).discovery
    assert prod.one("ec2/tag") == {"resourceId": GROUP, "key": key, "value": value}
    found = {subnet.name for subnet in prod.of("ec2/subnet") if subnet.inputs["tags"].get(key) == value}
    assert found == {subnet.name for subnet in prod.of("ec2/subnet") if "-private-" in subnet.name}
    entry = prod.named("eks/accessEntry", "cluster-karpenter-node")
    assert (entry["type"], entry["principalArn"]) == ("EC2_LINUX", "arn:aws:iam::123456789012:cluster-karpenter-node")


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
