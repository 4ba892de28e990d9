"""The whole program of stack `dev`: a GKE cluster from its plan, and the serving part on it."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloud_inputs import unfitting
from cloud_program import NUMBER, PROJECT_ASKED, CloudProgram, dev, recorded_program
from rendered_stack import planned_from, raw_settings

from planning.clusters.gke_pools import Surge
from stacks.program import deploy
from stacks.recording import RecordingError, is_unknown, leaves, record

SNAPSHOT = Path(__file__).parent / "snapshots" / "dev.cloud.yaml"
UPDATE = "TRITONUP_UPDATE_SNAPSHOTS"

SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""How a secret travels to the engine (Pulumi, sdk/python/lib/pulumi/runtime/rpc.py)."""


@pytest.fixture(scope="module")
def program(assembled_models: None) -> CloudProgram:
    return dev()


def _cloud(program: CloudProgram) -> Iterator[Any]:
    return (one for one in program.resources if one.type.startswith("gcp:"))


# --- what is made ---


def test_every_pool_of_the_plan_is_made_and_no_other(program: CloudProgram) -> None:
    assert set(program.of("NodePool")) == {"system", *program.plan.settings.gpu_pools, "l4-spot-instead"}


def test_a_pool_is_what_the_plan_says(program: CloudProgram) -> None:
    for plan in program.gke.pools:
        made = program.of("NodePool")[plan.name]
        nodes = made["nodeConfig"]
        assert nodes["machineType"] == plan.machine.value
        assert made["nodeLocations"] == list(plan.zones.value)
        assert made["autoscaling"]["totalMinNodeCount"] == plan.min_nodes
        assert made["autoscaling"]["totalMaxNodeCount"] == plan.max_nodes
        assert nodes["spot"] is plan.spot
        assert made["initialNodeCount"] == 0
        assert nodes["gvnic"] == {"enabled": True}


def test_a_pool_declares_the_labels_and_taints_by_which_pods_are_placed(program: CloudProgram) -> None:
    """An autoscaler decides from the pool's declaration whether a new node would carry a pod."""
    for pool in program.plan.pools:
        nodes = program.of("NodePool")[pool.name]["nodeConfig"]
        assert nodes["labels"] == dict(pool.labels)
        effects = {"NoSchedule": "NO_SCHEDULE"}
        assert [(taint["key"], taint["value"], taint["effect"]) for taint in nodes["taints"]] == [
            (taint.key, taint.value, effects[taint.effect]) for taint in pool.taints
        ]


def test_what_stands_in_for_spot_differs_in_nothing_that_a_pod_could_notice(program: CloudProgram) -> None:
    spot, instead = (
        {path: None if is_unknown(value) else value for path, value in leaves(program.of("NodePool")[name])}
        for name in ("l4-spot", "l4-spot-instead")
    )
    assert {path for path in spot.keys() | instead.keys() if spot.get(path) != instead.get(path)} == {
        "name",
        "nodeConfig.spot",
        # Nobody reclaims it.
        "nodeConfig.kubeletConfig.shutdownGracePeriodSeconds",
        "nodeConfig.kubeletConfig.shutdownGracePeriodCriticalPodsSeconds",
    }


def test_only_pools_that_a_compute_class_names_have_their_name_at_google(program: CloudProgram) -> None:
    (made,) = [one.inputs for one in program.resources if one.inputs.get("kind") == "ComputeClass"]
    named = {name for rule in made["spec"]["priorities"] for name in rule["nodepools"]}
    assert {name for name, pool in program.of("NodePool").items() if "name" in pool} == named
    for name, pool in program.of("NodePool").items():
        nodes = pool["nodeConfig"]
        of_class = nodes["labels"].get("cloud.google.com/compute-class")
        assert of_class == (made["metadata"]["name"] if name in named else None)
        taint = {"key": "cloud.google.com/compute-class", "value": of_class, "effect": "NO_SCHEDULE"}
        assert (taint in nodes["taints"]) is (name in named), "GKE: a manually created pool is of a class by both"


def test_gpus_are_shared_as_the_stack_file_says_and_bring_their_driver(program: CloudProgram) -> None:
    for name, pool in program.gpu_pools().items():
        (gpus,) = pool["nodeConfig"]["guestAccelerators"]
        assert gpus["type"] == "nvidia-l4"
        assert gpus["gpuSharingConfig"] == {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": 2}, name
        assert gpus["gpuDriverInstallationConfig"] == {"gpuDriverVersion": "LATEST"}


def test_only_spot_nodes_are_told_how_long_their_end_takes(program: CloudProgram) -> None:
    """GKE refuses these fields elsewhere. What pods of ours get is the total less what the system's own get."""
    notice = program.plan.settings.cluster
    assert notice.kind == "gke"
    for name, pool in program.of("NodePool").items():
        kubelet = pool["nodeConfig"]["kubeletConfig"]
        if pool["nodeConfig"]["spot"]:
            given = kubelet["shutdownGracePeriodSeconds"] - kubelet["shutdownGracePeriodCriticalPodsSeconds"]
            assert given == notice.spot_notice.seconds, name
        else:
            assert "shutdownGracePeriodSeconds" not in kubelet, name


def test_a_mig_profile_cuts_the_gpu_and_is_not_shared_besides(assembled_models: None) -> None:
    def cut(raw: dict[str, Any]) -> None:
        for pool in raw["gpu_pools"].values():
            pool["gpu"] = "nvidia-a100-40gb"
            pool["sharing"] = {"kind": "mig", "profile": "1g.5gb"}
        for server in raw["servers"].values():
            server["gpu"].pop("memory", None)

    for pool in recorded_program("dev", cut).gpu_pools().values():
        (gpus,) = pool["nodeConfig"]["guestAccelerators"]
        assert gpus["gpuPartitionSize"] == "1g.5gb"
        assert "gpuSharingConfig" not in gpus


def test_a_reservation_is_named_and_its_nodes_go_before_they_come(assembled_models: None) -> None:
    own = {"l4": {"provisioning": {"kind": "reservation", "name": "l4-2026", "project": "acme-shared"}}}
    made = recorded_program("dev", lambda raw: raw["cluster"].update(pools=own)).of("NodePool")["l4"]
    assert made["nodeConfig"]["reservationAffinity"] == {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": ["projects/acme-shared/reservations/l4-2026"],
    }
    assert (made["upgradeSettings"]["maxSurge"], made["upgradeSettings"]["maxUnavailable"]) == (0, 1)


def test_flex_start_waits_ends_and_is_never_repaired(assembled_models: None) -> None:
    def flexible(raw: dict[str, Any]) -> None:
        raw["cluster"]["pools"] = {"l4": {"provisioning": {"kind": "flex-start", "run": "24h"}}}
        raw["gpu_pools"]["l4"]["nodes"]["min"] = 0

    made = recorded_program("dev", flexible).of("NodePool")["l4"]
    nodes = made["nodeConfig"]
    assert (nodes["flexStart"], nodes["maxRunDuration"], nodes["spot"]) == (True, "86400s", False)
    assert nodes["reservationAffinity"] == {"consumeReservationType": "NO_RESERVATION"}
    assert made["upgradeSettings"] == {"strategy": "SHORT_LIVED"}
    assert made["management"]["autoRepair"] is False
    assert made["autoscaling"]["locationPolicy"] == "ANY"


def test_disks_are_as_the_stack_file_says(assembled_models: None) -> None:
    image = "projects/acme/global/images/triton-26-08"
    own = {"l4": {"local_ssds": 1, "preloaded": [image], "disk": "300Gi", "upgrade": {"kind": "blue-green"}}}
    made = recorded_program("dev", lambda raw: raw["cluster"].update(pools=own)).of("NodePool")["l4"]
    nodes = made["nodeConfig"]
    assert nodes["ephemeralStorageLocalSsdConfig"] == {"localSsdCount": 1}
    assert nodes["secondaryBootDisks"] == [{"diskImage": image, "mode": "CONTAINER_IMAGE_CACHE"}]
    assert nodes["gcfsConfig"] == {"enabled": True}, "a preloaded image is read by image streaming"
    assert nodes["diskSizeGb"] == 300
    assert made["upgradeSettings"]["strategy"] == "BLUE_GREEN"


def test_the_pool_that_gke_makes_by_itself_goes(program: CloudProgram) -> None:
    cluster = program.one("Cluster")
    assert cluster["removeDefaultNodePool"] is True
    assert cluster["initialNodeCount"] == 1


def test_what_calls_out_has_one_way_out(program: CloudProgram) -> None:
    nat = program.one("RouterNat")
    assert nat["sourceSubnetworkIpRangesToNat"] == "LIST_OF_SUBNETWORKS"
    assert program.one("Subnetwork")["privateIpGoogleAccess"] is True
    assert program.one("Network")["autoCreateSubnetworks"] is False


def test_with_surge_a_node_comes_before_one_goes(program: CloudProgram) -> None:
    for plan in program.gke.pools:
        assert plan.upgrade.value == Surge(more=1, fewer=0)
        assert program.of("NodePool")[plan.name]["upgradeSettings"]["maxUnavailable"] == 0


# --- who is reached, and by whom ---


def _kubeconfig(edit: Any = None, outputs: dict[str, Any] | None = None) -> Any:
    """The kubeconfig that the cluster's provider gets, once the cloud has said what it made."""
    raw = raw_settings("dev")
    if edit is not None:
        edit(raw)
    plan = planned_from(raw)
    known = {
        "gcp:container/cluster:Cluster/cluster-gke": {
            "name": "cluster-gke-1a2b3c4",
            "endpoint": "198.51.100.7",
            "masterAuth": {"clusterCaCertificate": "Q0E="},
            "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": "gke-0a1b.us-central1.gke.goog"}},
            "workloadIdentityConfig": {"workloadPool": "acme-inference-dev.svc.id.goog"},
            **(outputs or {}),
        }
    }
    recorded = record(lambda: deploy(plan), stack="dev", outputs=known, calls=PROJECT_ASKED)
    (provider,) = [one for one in recorded if one.type == "pulumi:providers:kubernetes"]
    sealed = provider.inputs["kubeconfig"]
    assert sealed[SIGNATURE] == SECRET, "the engine must keep it as a secret"
    return json.loads(sealed["value"])


def test_the_kubeconfig_asks_googles_plugin_and_holds_no_credential(assembled_models: None) -> None:
    config = _kubeconfig()
    (user,) = config["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
    assert user["user"]["exec"]["apiVersion"] == "client.authentication.k8s.io/v1beta1"
    (cluster,) = config["clusters"]
    assert cluster["cluster"] == {"server": "https://198.51.100.7", "certificate-authority-data": "Q0E="}
    (context,) = config["contexts"]
    assert config["current-context"] == context["name"] == cluster["name"] == user["name"]


def test_a_dns_endpoint_is_reached_by_name_and_no_address_is_open(assembled_models: None) -> None:
    def by_name(raw: dict[str, Any]) -> None:
        raw["cluster"]["endpoint"] = {"kind": "dns"}

    (cluster,) = _kubeconfig(by_name)["clusters"]
    assert cluster["cluster"] == {"server": "https://gke-0a1b.us-central1.gke.goog"}
    made = recorded_program("dev", by_name).one("Cluster")
    assert made["controlPlaneEndpointsConfig"] == {
        "dnsEndpointConfig": {"allowExternalTraffic": True},
        "ipEndpointsConfig": {"enabled": False},
    }
    assert "masterAuthorizedNetworksConfig" not in made


def test_the_serving_part_is_put_on_the_cluster_that_is_made(program: CloudProgram) -> None:
    objects = [one for one in program.resources if one.type.startswith("kubernetes:")]
    assert objects
    assert {one.provider.rpartition("::")[0].rpartition("::")[2] for one in objects} == {"cluster"}


def test_pods_that_act_as_a_google_account_may_act_as_it_and_read_nothing_else(assembled_models: None) -> None:
    email = "models@acme-data.iam.gserviceaccount.com"

    def acting(raw: dict[str, Any]) -> None:
        raw["model_repository"]["destination"]["service_account"] = email

    made = recorded_program("dev", acting)
    grants = [one for one in made.resources if one.type == "gcp:serviceaccount/iAMMember:IAMMember"]
    assert {grant.inputs["member"] for grant in grants} == {
        f"serviceAccount:acme-inference-dev.svc.id.goog[inference-dev/{server.name}]" for server in made.plan.servers
    }
    assert {grant.inputs["serviceAccountId"] for grant in grants} == {f"projects/acme-data/serviceAccounts/{email}"}
    assert not [one for one in made.resources if "managedFolder" in one.type]


def test_a_project_that_nobody_knows_is_asked_for_before_anything_is_made(assembled_models: None) -> None:
    plan = planned_from(raw_settings("dev"))
    with pytest.raises(RecordingError, match="getProject"):
        record(lambda: deploy(plan), stack="dev")
    assert NUMBER in str(PROJECT_ASKED)


# --- against the provider's own types, and as a whole ---


def test_every_input_is_one_that_the_provider_has_and_of_its_type(program: CloudProgram) -> None:
    wrong = [f"{one.name}: {problem}" for one in _cloud(program) for problem in unfitting(one.type, one.inputs)]
    assert wrong == []


def test_an_input_that_the_provider_has_not_would_be_seen() -> None:
    pool = {"cluster": "c", "nodeConfig": {"machinType": "x", "diskSizeGb": "100"}, "initialNodeCount": 1}
    assert sorted(unfitting("gcp:container/nodePool:NodePool", pool)) == [
        "nodeConfig.diskSizeGb: '100' is not int",
        "nodeConfig.machinType is not an input",
    ]


def test_every_resource_of_google_has_an_explicit_provider(program: CloudProgram) -> None:
    for one in _cloud(program):
        assert "::google::" in one.provider, one.name


def test_the_cloud_part_is_what_its_snapshot_shows(program: CloudProgram) -> None:
    shown = {
        f"{one.type.rpartition(':')[2]} {one.name}": _plain(one.inputs)
        for one in sorted(_cloud(program), key=lambda one: (one.type, one.name))
    }
    text = yaml.safe_dump(shown, sort_keys=True, width=110)
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(text, encoding="utf-8")
        pytest.skip(f"wrote {SNAPSHOT.name}: read its diff before you commit it")
    kept = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    if text != kept:
        diff = difflib.unified_diff(kept.splitlines(), text.splitlines(), SNAPSHOT.name, "now", lineterm="")
        pytest.fail("\n".join([*diff, f"If that is meant, run this test with {UPDATE}=1."]), pytrace=False)


def _plain(value: Any) -> Any:
    if is_unknown(value):
        return "(known when it is made)"
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
