"""What becomes of `delivery: {kind: volume}`: a claim, a Job for each version, and pods that only read."""

from __future__ import annotations

import functools
import json
import os
from typing import Any

import kubernetes_validate
import pytest
from pod_security import violations
from rendered_stack import Body, RenderedStack, container_of, containers_of, pod_of, raw_settings, rendered_stack
from test_rendered_fetching import of
from test_snapshots import SNAPSHOTS, UPDATE

from planning.storage import MOUNT, FilledSource
from stacks.render import ORDER
from tests.unit.planning.world import MINIO

STACKS = ("dev", "prod")
CLASS = {"kind": "class", "name": "shared-files", "size": "1Ti"}
EFS = {"kind": "efs", "file_system": "fs-0123456789abcdef0"}
OF_THE_VOLUME = ("StorageClass", "PersistentVolumeClaim", "Job")


def destination(stack: str, storage: dict[str, Any]) -> dict[str, Any]:
    stated = raw_settings(stack)["model_repository"]["destination"]
    return {**stated, "delivery": {"kind": "volume", "storage": storage}}


@functools.cache
def filling(stack: str) -> RenderedStack:
    return of(destination(stack, CLASS), stack)


def jobs_of(stack: RenderedStack) -> dict[str, Body]:
    """By the server whose models they bring."""
    return {
        manifest.body["spec"]["template"]["spec"]["containers"][0]["args"][2]: manifest.body
        for manifest in stack.of("Job")
    }


def waiting_of(deployment: Body) -> Body:
    """The first of all."""
    first = pod_of(deployment)["initContainers"][0]
    assert first["name"] == "models"
    return first


def test_the_volumes_objects_are_as_the_snapshot_shows(assembled_models: None) -> None:
    """Of both kinds of storage; a review sees what a change does to them."""
    shown = [
        manifest.yaml()
        for stack in (filling("dev"), of(destination("prod", EFS), "prod", volumes=["ebs", "efs"]))
        for manifest in stack.manifests
        if manifest.kind in OF_THE_VOLUME or manifest.name.startswith("model-filler")
    ]
    text = "---\n".join(shown)
    path = SNAPSHOTS / "model-volume.yaml"
    if os.environ.get(UPDATE):
        path.write_text(text, encoding="utf-8")
        pytest.skip(f"wrote {path.name}: read its diff before you commit it")
    assert text == path.read_text(encoding="utf-8"), f"If that is meant, run this test with {UPDATE}=1."


@pytest.mark.parametrize("stack", STACKS)
def test_each_servers_version_has_a_job_that_writes_and_pods_that_read_it_from_the_same_claim(
    stack: str, assembled_models: None
) -> None:
    known = filling(stack)
    jobs = jobs_of(known)
    (claim,) = known.of("PersistentVolumeClaim")
    assert claim.body["spec"]["accessModes"] == ["ReadWriteMany"]
    assert claim.body["spec"]["storageClassName"] == "shared-files"
    for server, _, deployment in known.lanes():
        job = pod_of(jobs[server.name])
        assert f"--digest={server.served.digest}" in job["containers"][0]["args"]
        assert _claims(job) == [{"claimName": claim.name}]
        assert _claims(pod_of(deployment)) == [{"claimName": claim.name, "readOnly": True}]
        mounts = [
            mount
            for container in containers_of(deployment)
            for mount in container.get("volumeMounts", [])
            if mount["name"] == "models"
        ]
        assert len(mounts) == 2
        assert all(mount["readOnly"] for mount in mounts)


def _claims(pod: Body) -> list[Body]:
    return [volume["persistentVolumeClaim"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume]


@pytest.mark.parametrize("stack", STACKS)
def test_triton_sees_its_own_version_alone_and_starts_after_it_was_found_whole(
    stack: str, assembled_models: None
) -> None:
    for server, _, deployment in filling(stack).lanes():
        source = server.storage.source
        assert isinstance(source, FilledSource)
        (mount,) = (one for one in container_of(deployment)["volumeMounts"] if one["name"] == "models")
        assert mount["subPath"] == f"{server.name}/{server.served.digest}"
        assert mount["mountPath"] == f"{MOUNT}/{server.name}/{server.served.digest}"
        assert f"--model-repository={mount['mountPath']}" in container_of(deployment)["args"]
        waiting = waiting_of(deployment)
        assert waiting["args"][:3] == ["models", "wait", server.name]
        assert f"--digest={server.served.digest}" in waiting["args"]
        assert f"--seconds={source.seconds.value}" in waiting["args"]
        assert "restartPolicy" not in waiting  # it ends before Triton starts


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_job_is_somebody_to_the_bucket_and_only_it_may_connect_there(
    stack: str, assembled_models: None
) -> None:
    known, plain = filling(stack), rendered_stack(stack)
    for server in known.plan.servers:
        assert not known.one("ServiceAccount", server.name)["metadata"].get("annotations")
        account = known.one("ServiceAccount", f"model-filler-{server.name}")
        before = plain.one("ServiceAccount", server.name)["metadata"].get("annotations")
        # A role that is made is named like its ServiceAccount.
        role = "eks.amazonaws.com/role-arn"
        expected = before and {
            **before,
            role: before[role].replace(f"-models-{server.name}", f"-models-model-filler-{server.name}"),
        }
        assert account["metadata"].get("annotations") == expected
        pod = pod_of(jobs_of(known)[server.name])
        assert pod["serviceAccountName"] == account["metadata"]["name"]
        assert pod["automountServiceAccountToken"] is False
        ours, theirs = (json.dumps(one.one("NetworkPolicy", server.name)["spec"]) for one in (known, plain))
        assert "0.0.0.0/0" in theirs
        assert "0.0.0.0/0" not in ours
    policy = known.one("NetworkPolicy", "model-filler")["spec"]
    assert not policy.get("ingress")
    assert "0.0.0.0/0" in json.dumps(policy["egress"])
    for job in jobs_of(known).values():
        labels = job["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
        for kind in ("Service", "Deployment", "PodDisruptionBudget"):
            for other in known.of(kind):
                wanted = other.body["spec"]["selector"]
                assert not wanted.get("matchLabels", wanted).items() <= labels.items(), other.name


def test_the_keys_of_another_s3_are_in_the_job_alone(assembled_models: None) -> None:
    stack = of({**MINIO, "delivery": {"kind": "volume", "storage": CLASS}}, "dev")
    having = {manifest.kind for manifest in stack.manifests if "models-reader" in json.dumps(dict(manifest.body))}
    assert having == {"Job"}


@pytest.mark.parametrize("stack", STACKS)
def test_the_job_is_admitted_and_fits_the_schema_and_two_pods_of_it_never_write(
    stack: str, assembled_models: None
) -> None:
    for job in jobs_of(filling(stack)).values():
        template = job["spec"]["template"]
        assert violations(template["metadata"], template["spec"]) == []
        (container,) = template["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "@sha256:" in container["image"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert job["spec"]["podReplacementPolicy"] == "Failed"
        assert job["spec"].get("parallelism", 1) == 1
        assert kubernetes_validate.validate(dict(job), "1.35", strict=True) == "1.35"


@pytest.mark.parametrize("stack", STACKS)
def test_the_pod_is_admitted_and_asks_for_no_more_than_without(stack: str, assembled_models: None) -> None:
    plain = {lane.lane.deployment: body for _, lane, body in rendered_stack(stack).lanes()}
    for _, lane, deployment in filling(stack).lanes():
        template = deployment["spec"]["template"]
        assert violations(template["metadata"], template["spec"]) == []
        before = container_of(plain[lane.lane.deployment])["resources"]["requests"]
        for amount in ("cpu", "memory"):
            wanted = waiting_of(deployment)["resources"]["requests"][amount]
            assert wanted == container_of(deployment)["resources"]["requests"][amount] == before[amount]


def test_what_is_filled_comes_before_what_reads_it_in_the_order_of_applying() -> None:
    places = [
        ORDER.index(kind) for kind in ("StorageClass", "PersistentVolumeClaim", "NetworkPolicy", "Job", "Deployment")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("stack", STACKS)
def test_services_and_scalers_and_budgets_are_as_without(stack: str, assembled_models: None) -> None:
    before, after = rendered_stack(stack).by_object(), filling(stack).by_object()
    assert before.keys() <= after.keys()
    changed = {key[0] for key in before if before[key] != after[key]}
    assert changed <= {
        "Deployment",
        "NetworkPolicy",
        "ServiceAccount",
        "ResourceQuota",
        "ValidatingAdmissionPolicyBinding",
    }
    added = {key[0] for key in after.keys() - before.keys()}
    assert added == {"ConfigMap", "Job", "NetworkPolicy", "PersistentVolumeClaim", "ServiceAccount"}
