"""Components translate and decide nothing: a value of the plan appears where it belongs and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import pytest
from rendered_stack import Body, RenderedStack, container_of, pod_of, rendered_plan, rendered_stack

from planning.admission import PodRule
from planning.derived import Derived
from planning.disruption import Spread
from planning.images import ImageRef
from planning.plan import Plan
from planning.pools import GPU_RESOURCE, POOL_LABEL, PoolTaint
from planning.server import PlannedLane, PlannedServer
from planning.settings.quantities import Cpu, Memory
from planning.storage import MOUNT, ClaimSource, ImageSource
from stacks.recording import leaves

POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"
DIGEST = "sha256:" + "0" * 64
BY_DIGEST = PodRule.IMAGE_BY_DIGEST

Changed = dict[tuple[str, str, str], object]
"""By kind, name and path, what stands there after the change (None: nothing)."""

V = TypeVar("V")


def test_a_deployment_says_what_the_plan_says_of_its_lane(stack: RenderedStack) -> None:
    for server, lane, deployment in stack.lanes():
        spec, pod, container = deployment["spec"], pod_of(deployment), container_of(deployment)
        assert spec["progressDeadlineSeconds"] == lane.patience.progress_deadline.value
        assert spec["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {
                "maxSurge": lane.rollout.max_surge.value,
                "maxUnavailable": lane.rollout.max_unavailable.value,
            },
        }
        assert pod["terminationGracePeriodSeconds"] == server.drain.grace.value
        assert pod["priorityClassName"] == stack.plan.priority_class
        assert container["args"] == [str(argument) for argument in server.arguments]
        assert container["image"].startswith(server.image.value.repository)
        assert container["startupProbe"]["failureThreshold"] == server.startup.failure_threshold.value
        assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": server.drain.pre_stop.value}}
        limits = container["resources"]["limits"]
        assert (limits["cpu"], limits["memory"]) == (str(server.cpu), str(server.memory))
        spread = {one["topologyKey"]: one["whenUnsatisfiable"] for one in pod["topologySpreadConstraints"]}
        assert spread == {
            "topology.kubernetes.io/zone": lane.over_zones.value.value,
            "kubernetes.io/hostname": lane.over_nodes.value.value,
        }


def test_a_scaler_says_what_the_plan_says_of_its_lane(stack: RenderedStack) -> None:
    for _, lane, _ in stack.lanes():
        spec = stack.one("HorizontalPodAutoscaler", lane.lane.deployment)["spec"]
        assert spec["minReplicas"] == lane.lane.minimum.value
        assert spec["maxReplicas"] == lane.lane.maximum.value
        (metric,) = spec["metrics"]
        if lane.scaling.target is None:
            assert spec["minReplicas"] == spec["maxReplicas"]
            assert metric["type"] == "Resource"
        else:
            assert metric["pods"]["metric"]["name"] == "nv_inference_pending_request_count"
            assert metric["pods"]["target"] == {
                "type": "AverageValue",
                "averageValue": str(lane.scaling.target.value),
            }


def test_no_reason_of_the_plan_reaches_an_object() -> None:
    known = rendered_stack("prod")
    told = _with_other_reasons(known.plan)
    assert told != known.plan
    assert _difference(known, rendered_plan("prod", told)) == {}


def _with_other_reasons(value: Any) -> Any:
    match value:
        case Derived():
            return Derived(_with_other_reasons(value.value), "for another reason")
        case tuple():
            return tuple(_with_other_reasons(one) for one in value)
        case _ if is_dataclass(value) and value.__class__.__module__.startswith("planning.") and fields(value):
            changed = {field.name: _with_other_reasons(getattr(value, field.name)) for field in fields(value)}
            return replace(value, **changed)
        case _:
            return value


def _first(plan: Plan, change: Callable[[PlannedServer], PlannedServer]) -> Plan:
    return replace(plan, servers=(change(plan.servers[0]), *plan.servers[1:]))


def _lane(plan: Plan, change: Callable[[PlannedLane], PlannedLane]) -> Plan:
    """The last lane of the first server: in dev the scaled one, on spot."""
    return _first(plan, lambda server: replace(server, lanes=(*server.lanes[:-1], change(server.lanes[-1]))))


def _to(derived: Derived[V], value: V) -> Derived[V]:
    return replace(derived, value=value)


def _both(path: str, value: object) -> Changed:
    return {("Deployment", f"vision-{lane}", path): value for lane in ("floor", "spot")}


GPU_TAINT = PoolTaint(key=GPU_RESOURCE, value="present", effect="NoSchedule")


def _spot(path: str, value: object) -> Changed:
    return {("Deployment", "vision-spot", path): value}


def _scaler(path: str, value: object) -> Changed:
    return {("HorizontalPodAutoscaler", "vision-spot", path): value}


def _policy(path: str, value: Mapping[str, object]) -> Changed:
    return {
        ("ValidatingAdmissionPolicy", "inference-dev-pods", f"spec.{path}.{field}"): one for field, one in value.items()
    }


CHANGES: dict[str, tuple[Callable[[Plan], Plan], Changed]] = {
    "grace": (
        lambda plan: _first(plan, lambda s: replace(s, drain=replace(s.drain, grace=_to(s.drain.grace, 77)))),
        _both(f"{POD}.terminationGracePeriodSeconds", 77),
    ),
    "preStop": (
        lambda plan: _first(plan, lambda s: replace(s, drain=replace(s.drain, pre_stop=_to(s.drain.pre_stop, 7)))),
        _both(f"{CONTAINER}.lifecycle.preStop.sleep.seconds", 7),
    ),
    "the flags": (
        lambda plan: _first(plan, lambda s: replace(s, arguments=s.arguments[:-1])),
        _both(f"{CONTAINER}.args.12", None),
    ),
    "the image": (
        lambda plan: _first(
            plan, lambda s: replace(s, image=_to(s.image, ImageRef(repository="a.b/c", tag="1", digest=DIGEST)))
        ),
        _both(f"{CONTAINER}.image", f"a.b/c@{DIGEST}"),
    ),
    "GPUs": (
        lambda plan: _first(plan, lambda s: replace(s, gpus=2)),
        _both(f"{CONTAINER}.resources.limits.nvidia.com/gpu", "2")
        | _both(f"{CONTAINER}.resources.requests.nvidia.com/gpu", "2"),
    ),
    "processors": (
        lambda plan: _first(plan, lambda s: replace(s, cpu=Cpu(1500))),
        _both(f"{CONTAINER}.resources.limits.cpu", "1500m") | _both(f"{CONTAINER}.resources.requests.cpu", "1500m"),
    ),
    "memory": (
        lambda plan: _first(plan, lambda s: replace(s, memory=Memory(2**30))),
        _both(f"{CONTAINER}.resources.limits.memory", "1Gi") | _both(f"{CONTAINER}.resources.requests.memory", "1Gi"),
    ),
    "shared memory": (
        lambda plan: _first(plan, lambda s: replace(s, needs=replace(s.needs, shared=_to(s.needs.shared, 2**21)))),
        _both(f"{POD}.volumes.0.emptyDir.sizeLimit", "2Mi"),
    ),
    "scratch": (
        lambda plan: _first(
            plan, lambda s: replace(s, storage=replace(s.storage, scratch=_to(s.storage.scratch, Memory(2**30))))
        ),
        _both(f"{POD}.volumes.1.emptyDir.sizeLimit", "1Gi")
        | _both(f"{CONTAINER}.resources.limits.ephemeral-storage", "2Gi")
        | _both(f"{CONTAINER}.resources.requests.ephemeral-storage", "2Gi"),
    ),
    "the start's budget": (
        lambda plan: _first(
            plan,
            lambda s: replace(s, startup=replace(s.startup, failure_threshold=_to(s.startup.failure_threshold, 99))),
        ),
        _both(f"{CONTAINER}.startupProbe.failureThreshold", 99),
    ),
    "the models' digest": (
        lambda plan: _first(plan, lambda s: replace(s, served=replace(s.served, digest="f" * 64))),
        _both("spec.template.metadata.annotations.tritonup/models-digest", f"sha256:{'f' * 64}"),
    ),
    "the budget": (
        lambda plan: _first(
            plan, lambda s: replace(s, disruption=replace(s.disruption, max_unavailable=Derived(2, "")))
        ),
        {("PodDisruptionBudget", "vision", "spec.maxUnavailable"): 2},
    ),
    "the progress deadline": (
        lambda plan: _lane(
            plan,
            lambda one: replace(one, patience=replace(one.patience, progress_deadline=Derived(12345, ""))),
        ),
        _spot("spec.progressDeadlineSeconds", 12345),
    ),
    "how long Pulumi waits": (
        lambda plan: _lane(
            plan, lambda one: replace(one, patience=replace(one.patience, pulumi_timeout=Derived(12345, "")))
        ),
        {},
    ),
    "surge": (
        lambda plan: _lane(plan, lambda one: replace(one, rollout=replace(one.rollout, max_surge=Derived(3, "")))),
        _spot("spec.strategy.rollingUpdate.maxSurge", 3),
    ),
    "spread": (
        lambda plan: _lane(plan, lambda one: replace(one, over_zones=Derived(Spread.REQUIRED, ""))),
        _spot(f"{POD}.topologySpreadConstraints.0.whenUnsatisfiable", "DoNotSchedule"),
    ),
    "a pool's label": (
        lambda plan: _lane(
            plan,
            lambda one: replace(
                one,
                lane=replace(
                    one.lane,
                    pools=(
                        replace(one.lane.pools[0], labels={**one.lane.pools[0].labels, POOL_LABEL: "x"}),
                        *one.lane.pools[1:],
                    ),
                ),
            ),
        ),
        _spot(
            f"{POD}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
            ".nodeSelectorTerms.0.matchExpressions.1.values.0",
            "x",
        ),
    ),
    "a pool's taint": (
        lambda plan: _lane(
            plan,
            lambda one: replace(
                one,
                lane=replace(
                    one.lane,
                    pools=(
                        replace(
                            one.lane.pools[0], taints=(PoolTaint(key="k", value="", effect="NoExecute"), GPU_TAINT)
                        ),
                        *one.lane.pools[1:],
                    ),
                ),
            ),
        ),
        _spot(f"{POD}.tolerations.0.key", "k")
        | _spot(f"{POD}.tolerations.0.operator", "Exists")
        | _spot(f"{POD}.tolerations.0.value", None)
        | _spot(f"{POD}.tolerations.0.effect", "NoExecute"),
    ),
    "the least replicas": (
        lambda plan: _lane(plan, lambda one: replace(one, lane=replace(one.lane, minimum=Derived(2, "")))),
        _scaler("spec.minReplicas", 2),
    ),
    "the most replicas": (
        lambda plan: _lane(plan, lambda one: replace(one, lane=replace(one.lane, maximum=Derived(9, "")))),
        _scaler("spec.maxReplicas", 9),
    ),
    "the target": (
        lambda plan: _lane(plan, lambda one: replace(one, scaling=replace(one.scaling, target=Derived(5, "")))),
        _scaler("spec.metrics.0.pods.target.averageValue", "5"),
    ),
    "how fast it grows": (
        lambda plan: _lane(
            plan,
            lambda one: replace(
                one, scaling=replace(one.scaling, scale_out_percent=Derived(50, ""), scale_out_pods=Derived(4, ""))
            ),
        ),
        _scaler("spec.behavior.scaleUp.policies.0.value", 50) | _scaler("spec.behavior.scaleUp.policies.1.value", 4),
    ),
    "how slowly it shrinks": (
        lambda plan: _lane(
            plan,
            lambda one: replace(
                one, scaling=replace(one.scaling, scale_in_window=Derived(33, ""), scale_in_pods=Derived(4, ""))
            ),
        ),
        _scaler("spec.behavior.scaleDown.stabilizationWindowSeconds", 33)
        | _scaler("spec.behavior.scaleDown.policies.0.value", 4),
    ),
    "the standard's version": (
        lambda plan: replace(plan, pod_security="v1.36"),
        {
            ("Namespace", "inference-dev", f"metadata.labels.pod-security.kubernetes.io/{mode}-version"): "v1.36"
            for mode in ("enforce", "audit", "warn")
        },
    ),
    "the rules on pods": (
        lambda plan: replace(plan, pod_rules=tuple(r for r in plan.pod_rules if r.value is not BY_DIGEST)),
        _policy("variables.8", {"name": None, "expression": None})
        | _policy("validations.2", {"reason": None, "expression": None, "messageExpression": None}),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_the_plan_shows_there_and_nowhere_else(what: str, assembled_models: None) -> None:
    change, expected = CHANGES[what]
    known = rendered_stack("dev")
    assert known.plan.servers[0].name == "vision"
    assert _difference(known, rendered_plan("dev", change(known.plan))) == expected


@pytest.mark.parametrize(
    ("source", "volume"),
    [
        (
            ClaimSource(claim="filled", path=f"{MOUNT}/vision/x"),
            {"name": "models", "persistentVolumeClaim": {"claimName": "filled", "readOnly": True}},
        ),
        (
            ImageSource(reference=f"a.b/models@{DIGEST}", path=MOUNT),
            {"name": "models", "image": {"reference": f"a.b/models@{DIGEST}", "pullPolicy": "IfNotPresent"}},
        ),
    ],
)
def test_models_that_are_mounted_are_mounted_for_reading(
    source: ClaimSource | ImageSource, volume: Body, assembled_models: None
) -> None:
    known = rendered_stack("dev").plan
    mounted = rendered_plan(
        "dev", _first(known, lambda server: replace(server, storage=replace(server.storage, source=source)))
    )
    for lane in ("floor", "spot"):
        deployment = mounted.one("Deployment", f"vision-{lane}")
        assert volume in pod_of(deployment)["volumes"]
        assert {"name": "models", "mountPath": MOUNT, "readOnly": True} in container_of(deployment)["volumeMounts"]


def test_a_bucket_is_read_with_the_identity_of_the_servers_own_account(assembled_models: None) -> None:
    prod = rendered_stack("prod")
    for server, _, deployment in prod.lanes():
        account = prod.one("ServiceAccount", pod_of(deployment)["serviceAccountName"])
        assert account["metadata"]["name"] == server.name
        role = f"arn:aws:iam::123456789012:role/inference-us-east-1-models-{server.name}"
        assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": role}
        env = {one["name"]: one["value"] for one in container_of(deployment)["env"]}
        assert env["AWS_REGION"] == "us-east-1"
        assert not any("KEY" in name or "SECRET" in name for name in env)


def _difference(before: RenderedStack, after: RenderedStack) -> Changed:
    old, new = (
        {(kind, name, path): value for (kind, _, name), body in one.by_object().items() for path, value in leaves(body)}
        for one in (before, after)
    )
    return {place: new.get(place) for place in old.keys() | new.keys() if _differs(old, new, place)}


def _differs(old: Mapping[Any, object], new: Mapping[Any, object], place: object) -> bool:
    return (place in old) != (place in new) or old[place] != new[place]
