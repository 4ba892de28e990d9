"""A new driver for a pool of stack prod: the handshake's Job, the node that it runs on, and what waits for it."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import kubernetes_validate
import pulumi
import pytest
from pod_security import violations
from pulumi import ResourceOptions
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks
from rendered_stack import Body, RenderedStack, changed_stack, pod_of, rendered_stack
from test_karpenter_objects import judged
from test_snapshots import hold

from components.gpu.driver_canary import FILE, FOLDER, arguments
from components.gpu.handshake import main
from planning.driver_canary import DriverCanary, canary_name
from planning.pools import GPU_RESOURCE
from stacks.composition import compose

POOL = "a10g-spot"
IMAGE = "v20261120"

pytestmark = pytest.mark.usefixtures("assembled_models")


def _new_driver(raw: dict[str, Any]) -> None:
    raw["cluster"]["pools"] = {POOL: {"driver": {"image": IMAGE, "at_once": 2}}}


@functools.cache
def prod() -> RenderedStack:
    return changed_stack("prod", _new_driver)


def canary() -> DriverCanary:
    (planned,) = prod().plan.drivers
    return planned


def job() -> Body:
    return prod().one("Job", canary().object_name)


def test_what_a_driver_adds_to_the_stack_is_its_job_its_program_and_one_more_kind_of_node() -> None:
    before, after = rendered_stack("prod").by_object(), prod().by_object()
    assert not before.keys() - after.keys()
    added = {(kind, name) for kind, _, name in after.keys() - before.keys()}
    assert added == {
        ("Job", canary().object_name),
        ("ConfigMap", "driver-canary"),
        ("NodePool", canary_name(POOL)),
        ("EC2NodeClass", canary_name(POOL)),
    }
    changed = {(kind, name) for kind, _, name in before if before[kind, _, name] != after[kind, _, name]}
    assert changed == {
        ("EC2NodeClass", POOL),
        ("NodePool", POOL),
        ("NodePool", f"{POOL}-instead"),
        ("DaemonSet", f"nvidia-device-plugin-{POOL}"),
        ("ResourceQuota", "serving"),
    }


def test_they_are_what_the_snapshot_shows() -> None:
    """The program apart, which is a file of this project."""
    names = (canary().object_name, canary_name(POOL))
    hold("prod-driver", [one for one in prod().of("Job", "NodePool", "EC2NodeClass") if one.name in names])


def test_the_handshake_runs_as_nobody_in_the_image_that_serves_with_gpus_as_a_server_has_them() -> None:
    body = job()
    kubernetes_validate.validate(dict(body), "1.35", strict=True)
    pod = pod_of(body)
    assert violations(body["spec"]["template"]["metadata"], pod) == []
    (container,) = pod["containers"]
    serving = {server.name: server.image.value.by_digest for server in prod().plan.servers}
    assert container["image"] == serving[canary().server]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"][GPU_RESOURCE] == "1"
    assert pod["automountServiceAccountToken"] is False
    (told,) = [one.body for one in prod().of("ConfigMap") if one.name == "driver-canary"]
    assert container["command"] == ["python3", f"{FOLDER}/{FILE}"]
    compile(told["data"][FILE], FILE, "exec")


def test_its_program_understands_what_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Here there is no driver, which is what it says; of its arguments it says nothing."""
    assert main(list(arguments(canary()))) == 1
    assert "libcuda.so.1 cannot be loaded" in capsys.readouterr().err


def test_one_failure_ends_it_and_a_disruption_is_none() -> None:
    spec = job()["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onPodConditions"]) == ("Ignore", [{"type": "DisruptionTarget", "status": "True"}])
    assert spec["activeDeadlineSeconds"] == canary().seconds.value


def test_its_pod_and_the_device_plugin_are_on_the_nodes_that_karpenter_makes_for_it() -> None:
    template = prod().one("NodePool", canary_name(POOL))["spec"]["template"]
    (plugin,) = [one.body for one in prod().of("DaemonSet") if one.name == f"nvidia-device-plugin-{POOL}"]
    for body in (job(), plugin):
        assert _fits(pod_of(body), template["metadata"]["labels"], template["spec"]["taints"])
    for _, _, deployment in prod().lanes():
        assert not _fits(pod_of(deployment), template["metadata"]["labels"], template["spec"]["taints"])


def _fits(pod: Body, labels: dict[str, str], taints: list[dict[str, str]]) -> bool:
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    tolerated = {one["key"] for one in pod["tolerations"]}
    placed = any(all(labels.get(one["key"]) in one["values"] for one in term["matchExpressions"]) for term in terms)
    return placed and {taint["key"] for taint in taints} <= tolerated


@pytest.mark.parametrize("kind", ["NodePool", "EC2NodeClass"])
def test_karpenters_own_schema_takes_the_canary(kind: str) -> None:
    assert judged(kind, prod().one(kind, canary_name(POOL))) == []


class _Engine(Mocks):
    """The engine as far as it counts here: it makes what it is asked for, but for Jobs where they `fail`."""

    def __init__(self, *, fail: bool) -> None:
        self.fail = fail
        self.made: list[tuple[str, str]] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs: dict[str, Any] = dict(args.inputs)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - the SDK says dict
        if args.typ.startswith("kubernetes:"):
            if self.fail and inputs["kind"] == "Job":
                raise RuntimeError("the handshake failed")
            self.made.append((inputs["kind"], inputs["metadata"]["name"]))
        return args.name, inputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(args.token)


def _up(*, fail: bool) -> list[tuple[str, str]]:
    """What the program makes, in turn."""
    engine = _Engine(fail=fail)
    loop = asyncio.new_event_loop()
    # Whoever waits for what failed fails too, and nobody asks each of them why.
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(engine, project="tritonup", stack="prod", preview=False)

    def run() -> None:
        compose(prod().plan, ResourceOptions())

    if fail:
        with pytest.raises(Exception, match="the handshake failed"):
            pulumi.runtime.test(run)()  # pyright: ignore[reportUnknownMemberType] - the SDK leaves it untyped
    else:
        pulumi.runtime.test(run)()  # pyright: ignore[reportUnknownMemberType] - the SDK leaves it untyped
    return engine.made


def test_a_pools_own_nodes_are_not_touched_before_its_handshake_has_succeeded() -> None:
    made = _up(fail=False)
    handshake = made.index(("Job", canary().object_name))
    own = ("EC2NodeClass", POOL), ("NodePool", POOL), ("NodePool", f"{POOL}-instead")
    assert all(made.index(one) > handshake for one in own)


def test_a_handshake_that_fails_leaves_the_pools_own_nodes_as_they_are() -> None:
    made = _up(fail=True)
    assert ("EC2NodeClass", canary_name(POOL)) in made
    assert ("EC2NodeClass", "a10g") in made, "pools without a canary are not held up by another's"
    assert not [(kind, name) for kind, name in made if kind == "EC2NodeClass" and name == POOL]
    assert not [(kind, name) for kind, name in made if kind == "NodePool" and name in (POOL, f"{POOL}-instead")]
