"""What becomes of `destination.engines`: a Job for each missing engine, placed as the server that needs it."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from pod_security import violations
from rendered_stack import Body, RenderedStack, example_repository, pod_of, raw_settings, rendered_plan, rendered_stack

from planning.catalogue import CATALOGUE
from planning.engines.built import Accuracy, BuiltEngine
from planning.engines.orders import BuildOrder
from planning.images import ImageLock, image_lock
from planning.planner import plan
from planning.pools import GPU_RESOURCE
from planning.repository.model import Repository
from planning.settings.quantities import Cpu, Memory
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from tests.unit.planning.world import MINIO, SIGNING
from tests.unit.planning.world import image_lock as lock_with_programs

ROLE = "arn:aws:iam::123456789012:role/inference-us-east-1-models-engine-builder"
"""Of whoever builds, made with the cluster."""


def building(
    engines: dict[str, Any], destination: dict[str, Any] | None = None, models: Repository | None = None
) -> Any:
    raw = raw_settings("prod")
    raw["images"]["registry"] = "registry.example/acme"
    at = destination or raw["model_repository"]["destination"]
    if destination is not None:
        del raw["cluster"]["model_bucket"]  # of S3, which is not read then
    raw["model_repository"] |= {"destination": {**at, "engines": engines}, "signing": SIGNING}
    settings = read_settings(raw)
    assert isinstance(settings, Settings), settings
    lock = ImageLock(images=tuple(one for one in image_lock().images if one.name != "tritonup-programs"))
    for one in lock_with_programs().images:
        if one.name == "tritonup-programs":
            lock = lock.holding(one)
    decided = plan(settings, models or example_repository(), CATALOGUE, lock)
    return rendered_plan("prod", replace(decided, findings=decided.errors))


@functools.cache
def prod() -> RenderedStack:
    return building({})


def job_of(stack: RenderedStack) -> Body:
    (job,) = stack.of("Job")
    return job.body


def containers_of(job: Body) -> dict[str, Body]:
    pod = pod_of(job)
    return {one["name"]: one for one in (*pod["initContainers"], *pod["containers"])}


def test_the_job_stands_where_the_server_that_needs_it_may_and_runs_its_image(assembled_models: None) -> None:
    job = pod_of(job_of(prod()))
    server = pod_of(prod().one("Deployment", "vision-floor"))
    (triton,) = server["containers"]
    containers = containers_of(job_of(prod()))
    assert containers["build"]["image"] == containers["triton"]["image"] == triton["image"]
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    wanted = job["affinity"]["nodeAffinity"][key]["nodeSelectorTerms"]
    on_floor = server["affinity"]["nodeAffinity"][key]["nodeSelectorTerms"]
    on_spot = pod_of(prod().one("Deployment", "vision-spot"))["affinity"]["nodeAffinity"][key]["nodeSelectorTerms"]
    assert wanted == on_floor + on_spot
    tolerated = {json.dumps(one, sort_keys=True) for one in job["tolerations"]}
    assert {json.dumps(one, sort_keys=True) for one in server["tolerations"]} <= tolerated
    assert "priorityClassName" not in job  # serving comes first


def test_the_job_is_admitted_and_fits_the_schema(assembled_models: None) -> None:
    job = job_of(prod())
    template = job["spec"]["template"]
    assert violations(template["metadata"], template["spec"]) == []
    for container in containers_of(job).values():
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "@sha256:" in container["image"]
    assert kubernetes_validate.validate(dict(job), "1.35", strict=True) == "1.35"


def test_the_pod_takes_one_gpu_and_no_more_of_a_node_than_a_server(assembled_models: None) -> None:
    containers = containers_of(job_of(prod()))
    gpus = {name: one["resources"]["limits"].get(GPU_RESOURCE) for name, one in containers.items()}
    assert gpus == {"source": None, "build": "1", "triton": "1", "publish": None}
    server = pod_of(prod().one("Deployment", "vision-floor"))

    def asked(name: str, of: list[Body]) -> int:
        read = Cpu.parse if name == "cpu" else Memory.parse
        amounts = [read(one["resources"]["requests"][name]) for one in of]
        return sum(one.millis if isinstance(one, Cpu) else one.bytes for one in amounts)

    sidecars = [one for one in server["initContainers"] if one.get("restartPolicy") == "Always"]
    for name in ("cpu", "memory"):
        most = asked(name, [*sidecars, *server["containers"]])
        assert asked(name, [containers["triton"], containers["publish"]]) <= most
        assert asked(name, [containers["build"]]) <= most


def test_what_is_built_is_what_was_ordered(assembled_models: None) -> None:
    stack = prod()
    job = job_of(stack)
    name = job["metadata"]["name"]
    order = BuildOrder.model_validate_json(stack.one("ConfigMap", name)["data"]["order.json"])
    assert stack.plan.builder is not None
    assert order == stack.plan.builder.jobs[0].order
    containers = containers_of(job)
    assert containers["build"]["command"][-1] == "/usr/src/tensorrt/bin/trtexec"
    assert "--onnx=/work/repository/original/1/model.onnx" in containers["build"]["args"]
    assert "--saveEngine=/work/repository/engine/1/model.plan" in containers["build"]["args"]
    assert "--maxShapes=image:64x1x8x8" in containers["build"]["args"]
    assert f"--store={stack.plan.builder.bucket.url}" in containers["publish"]["args"]
    assert job["metadata"]["annotations"]["tritonup/engine"] == order.name
    assert job["spec"]["activeDeadlineSeconds"] == 7200


def test_another_tolerance_is_another_job(assembled_models: None) -> None:
    """A finished Job does not run again by itself."""
    other = building({"tolerance": {"absolute": 0.5}})
    templates = [job_of(stack)["spec"]["template"]["metadata"]["annotations"] for stack in (prod(), other)]
    assert templates[0]["tritonup/order-digest"] != templates[1]["tritonup/order-digest"]


def test_only_our_programs_are_somebody_to_the_cloud_and_only_out_may_be_talked(assembled_models: None) -> None:
    stack = prod()
    account = stack.one("ServiceAccount", "engine-builder")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == ROLE
    template = job_of(stack)["spec"]["template"]
    assert template["spec"]["serviceAccountName"] == "engine-builder"
    assert template["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"] == "build,triton"
    policy = stack.one("NetworkPolicy", "engine-builder")["spec"]
    assert not policy.get("ingress")
    assert policy["egress"]
    selected = policy["podSelector"]["matchLabels"]
    assert selected.items() <= template["metadata"]["labels"].items()
    for kind in ("Service", "Deployment", "PodDisruptionBudget"):
        for other in stack.of(kind):
            wanted = other.body["spec"]["selector"]
            labels = wanted.get("matchLabels", wanted)
            assert not labels.items() <= template["metadata"]["labels"].items(), other.name


def test_the_keys_of_another_s3_are_for_our_programs_alone(assembled_models: None) -> None:
    containers = containers_of(job_of(building({"credentials": "engines-writer"}, MINIO)))
    have = {name for name, one in containers.items() if "engines-writer" in json.dumps(one)}
    assert have == {"source", "publish"}


def test_a_recorded_engine_has_no_job_and_is_served_by_its_digest(assembled_models: None) -> None:
    builder = prod().plan.builder
    assert builder is not None
    (job,) = builder.jobs
    accuracy = Accuracy(questions=2, greatest_difference=0.0, share_of_tolerance=0.0)
    engine = BuiltEngine.model_validate(
        {
            "key": job.order.key,
            "sha256": "e" * 64,
            "size": 1,
            "built": "2026-11-27T00:00:00Z",
            "accuracy": accuracy,
        }
    )
    after = building({}, models=replace(example_repository(), engines={job.order.name: engine}))
    assert not [manifest for manifest in after.manifests if manifest.kind == "Job"]
    (served,) = (server.served for server in after.plan.servers if server.name == "vision")
    assert "digits_trt" in [model.name for model in served.models]
    arguments = json.dumps(pod_of(after.one("Deployment", "vision-floor")))
    assert served.digest in arguments


@pytest.mark.parametrize("kind", ["Deployment", "Service", "NetworkPolicy"])
def test_nothing_of_the_servers_changes_while_engines_are_built(kind: str, assembled_models: None) -> None:
    before = {one.name: one.body for one in rendered_stack("prod").of(kind)}
    after = {one.name: one.body for one in prod().of(kind)}
    assert {name: after[name] for name in before} == before
