"""A volume that Jobs fill: who reaches the bucket, what waits for what, and what makes another Job or another claim."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as search
from hypothesis import strategies as st

from planning.buckets import SecretKeys
from planning.clusters.eks import PlannedEks
from planning.clusters.eks_models import ModelsInS3
from planning.clusters.gke import PlannedGke
from planning.clusters.gke_models import ModelsAccess
from planning.filling import PlannedFiller
from planning.plan import Plan
from planning.settings.quantities import Memory
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from planning.storage import SCRATCH_LEAST, FilledSource
from planning.volumes import MadeClass
from tests.unit.planning.world import (
    EKS,
    GKE,
    MINIO,
    ON_VOLUME,
    SIGNING,
    changed,
    edited,
    heavier,
    planned_with,
    vision,
)

ROOMY = {**ON_VOLUME, "model_repository.destination.delivery.storage.size": "64Ti"}
ON_EFS = {
    **ON_VOLUME,
    "model_repository.destination.delivery.storage": {"kind": "efs", "file_system": "fs-0123456789abcdef0"},
    "cluster.platform": "eks",
}


def filler_of(made: Plan) -> PlannedFiller:
    assert made.filler is not None
    return made.filler


def filled(made: Plan) -> FilledSource:
    source = vision(made).storage.source
    assert isinstance(source, FilledSource)
    return source


def job_name(made: Plan) -> str:
    filler = filler_of(made)
    (job,) = filler.jobs
    return filler.name_of(job)


def with_(changes: dict[str, Any]) -> Plan:
    return planned_with({**ON_VOLUME, **changes})


def test_triton_reads_the_version_that_the_job_brings_and_the_pod_is_planned_without_its_bytes() -> None:
    made = planned_with(ON_VOLUME)
    server, (job,) = vision(made), filler_of(made).jobs
    assert made.findings == ()
    assert job.served == server.served
    assert server.storage.repository.value == filled(made).path == f"/models/vision/{server.served.digest}"
    assert filled(made).claim == filler_of(made).claim.name
    assert server.storage.disk == SCRATCH_LEAST
    assert filled(made).image.value in server.images


def test_the_bucket_is_for_the_job_alone() -> None:
    for changes in (ON_VOLUME, {**ON_VOLUME, "cluster": GKE, "model_repository.destination.role": None}):
        made = planned_with(changes)
        server = vision(made)
        assert server.storage.bucket is None
        assert not [one for one in server.network if "models are" in one.because or "proves" in one.because]
        assert [one for one in filler_of(made).network if "models are fetched" in one.because]
        assert all(one.direction == "out" for one in filler_of(made).network)


def test_the_keys_of_another_s3_are_the_jobs_alone() -> None:
    delivery = ON_VOLUME["model_repository.destination.delivery"]
    made = with_({"model_repository.destination": {**MINIO, "delivery": delivery}})
    assert vision(made).secrets == ()
    assert filler_of(made).secrets == ("models-reader",)
    assert [job.bucket.access for job in filler_of(made).jobs] == [SecretKeys(name="models-reader")]


@pytest.mark.parametrize("kind", ["gke", "eks"])
def test_a_cluster_that_is_made_here_lets_the_jobs_account_read_and_no_servers(kind: str) -> None:
    s3 = {"kind": "s3", "bucket": "models", "region": "us-east-1"}
    destination = {"kind": "gs", "bucket": "models"} if kind == "gke" else s3
    cluster = GKE if kind == "gke" else EKS
    made = planned_with({**ON_VOLUME, "cluster": cluster, "model_repository.destination": destination | _delivery()})
    match made.made:
        case PlannedGke(models=ModelsAccess(users=readers)) | PlannedEks(models=ModelsInS3(roles=readers)):
            pass
        case _:
            readers = ()
    assert [reader.account for reader in readers] == ["model-filler-vision"]
    assert [job.account for job in filler_of(made).jobs] == ["model-filler-vision"]


def _delivery() -> dict[str, Any]:
    return {"delivery": ON_VOLUME["model_repository.destination.delivery"]}


@search(max_examples=20)
@given(st.integers(0, 2**40))
def test_there_is_time_to_fetch_every_byte_and_whoever_starts_a_pod_waits_as_long(size: int) -> None:
    made = planned_with(ROOMY, heavier("digits", size))
    (job,) = filler_of(made).jobs
    assert job.seconds.value >= size // (125 * 2**20)  # what a gp3 volume writes at the most
    server = vision(made)
    assert filled(made).seconds.value >= job.seconds.value
    for lane in server.lanes:
        waited = server.startup.fetch.value + server.startup.budget.value
        assert lane.patience.progress_deadline.value >= waited > job.seconds.value


@search(max_examples=20)
@given(st.integers(0, 2**36), st.integers(1, 64))
def test_a_volume_without_a_finding_has_room_for_two_versions(size: int, gib: int) -> None:
    stated = {"model_repository.destination.delivery.storage.size": f"{gib}Gi"}
    made = planned_with({**ON_VOLUME, **stated}, heavier("digits", size))
    refused = "TU126" in [finding.rule.id for finding in made.findings]
    assert refused or 2 * size < gib * 2**30
    assert not refused or 2 * (size + 2**25) > gib * 2**30


def test_another_job_is_what_another_version_or_key_or_claim_makes_and_nothing_else() -> None:
    first = job_name(planned_with(ON_VOLUME))
    pem = next(iter(SIGNING["trusted"].values()))
    others = (
        job_name(planned_with(ON_VOLUME, changed("digits"))),
        job_name(with_({"model_repository.signing": {"trusted": {"other": pem}}})),
        job_name(with_({"model_repository.destination.delivery.storage.name": "other-files"})),
        job_name(with_({"model_repository.destination.prefix": "elsewhere"})),
    )
    assert len({first, *others}) == 5
    same = (
        job_name(planned_with(ON_VOLUME, changed("topics"))),
        job_name(with_({"model_repository.destination.delivery.storage.size": "2Ti"})),
        job_name(with_({"servers.vision.resources.memory": "5Gi"})),
    )
    assert {first} == set(same)


def test_a_name_is_one_that_kubernetes_takes_of_a_jobs_pods() -> None:
    longest = "v" * 40
    raw = {**ON_VOLUME, f"servers.{longest}": {"kind": "triton", "release": "26.08", "models": ["digits"]}}
    raw[f"servers.{longest}"] |= {  # as the other server, beside it
        "gpu": {"kind": "nvidia", "pools": ["steady"]},
        "replicas": {"floor": 1, "ceiling": 1},
        "exposure": {"kind": "cluster", "callers": [{"namespace": "apps"}]},
        "resources": {"cpu": "2", "memory": "4Gi"},
        "drain": {"slowest_request": "10s"},
    }
    filler = filler_of(planned_with(raw))
    assert all(len(filler.name_of(job)) <= 63 for job in filler.jobs)
    assert len({filler.name_of(job) for job in filler.jobs}) == 2


def test_a_larger_volume_is_the_same_claim_and_another_class_another_one() -> None:
    claim = filler_of(planned_with(ON_VOLUME)).claim
    larger = filler_of(with_({"model_repository.destination.delivery.storage.size": "2Ti"})).claim
    assert (larger.name, larger.size) == (claim.name, Memory(2 * 2**40))
    assert filler_of(with_({"model_repository.destination.delivery.storage.name": "other-files"})).claim != claim


def test_a_file_system_of_efs_has_a_class_whose_files_are_tritons() -> None:
    made = planned_with(ON_EFS)
    storage = filler_of(made).claim.storage
    assert made.findings == ()
    assert isinstance(storage, MadeClass)
    assert storage.provisioner == "efs.csi.aws.com"
    wanted = {"provisioningMode": "efs-ap", "fileSystemId": "fs-0123456789abcdef0", "uid": "1000", "gid": "1000"}
    assert wanted.items() <= dict(storage.parameters).items()


def test_an_instance_of_filestore_is_made_in_the_network_of_the_nodes() -> None:
    storage = {"kind": "filestore", "network": "ours", "tier": "regional", "size": "200Gi"}
    made = planned_with(
        {**ON_VOLUME, "cluster.platform": "gke", "model_repository.destination.delivery.storage": storage}
    )
    claim = filler_of(made).claim
    assert made.findings == ()
    assert isinstance(claim.storage, MadeClass)
    assert dict(claim.storage.parameters) == {"network": "ours", "tier": "regional"}
    assert claim.size == Memory(200 * 2**30)


@pytest.mark.parametrize(("tier", "size"), [("zonal", "512Gi"), ("enterprise", "11Ti"), ("standard", "99Gi")])
def test_a_size_that_no_instance_of_the_tier_has_is_refused_with_those_that_it_has(tier: str, size: str) -> None:
    storage = {"kind": "filestore", "network": "ours", "tier": tier, "size": size}
    read = read_settings(edited({**ON_VOLUME, "model_repository.destination.delivery.storage": storage}))
    assert not isinstance(read, Settings)
    (finding,) = read
    assert finding.at.field == "model_repository.destination.delivery.storage"
    assert tier in str(finding)
    assert size in str(finding)


def test_a_hyperdisk_ml_is_refused_with_a_claim_in_its_place_which_is_taken() -> None:
    read = read_settings(edited({**ON_VOLUME, "model_repository.destination.delivery.storage.kind": "hyperdisk-ml"}))
    assert not isinstance(read, Settings)
    (finding,) = read
    assert (finding.rule.id, finding.at.field) == ("TU103", "model_repository.destination.delivery.storage.kind")
    assert "`destination: {kind: claim, claim: …}`" in finding.fix
    assert planned_with({"model_repository.destination": {"kind": "claim", "claim": "models-2026-11"}}).findings == ()


def test_a_class_of_hyperdisk_ml_is_warned_of_on_gke() -> None:
    on_gke = {"cluster.platform": "gke", "model_repository.destination.delivery.storage.name": "hyperdisk-ml"}
    assert [finding.rule.id for finding in with_(on_gke).findings] == ["TU127"]


def test_the_quota_has_room_for_the_jobs_of_a_rollout() -> None:
    before, after = planned_with({}), planned_with(ON_VOLUME)
    assert after.quota.most["pods"].value - before.quota.most["pods"].value == 2


def test_a_stack_without_a_volume_fills_none() -> None:
    assert planned_with({}).filler is None
