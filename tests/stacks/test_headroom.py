"""What keeps places free has the size and the nodes of the server's own pods, goes first, and can do nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from kubernetes_validate import validate
from pod_security import violations
from rendered_stack import RenderedStack, changed_stack, pod_of, rendered_stack

from planning.settings.quantities import Cpu, Memory


@pytest.fixture(scope="module")
def kept(assembled_models: None) -> RenderedStack:
    return changed_stack("dev", lambda raw: raw["servers"]["text"]["replicas"].update(ceiling=4, headroom=2))


def pausing(stack: RenderedStack) -> dict[str, Any]:
    (made,) = [one.body for one in stack.of("Deployment") if one.name == "text-headroom"]
    return dict(made)


def lane_pod(stack: RenderedStack) -> dict[str, Any]:
    (made,) = [one.body for one in stack.of("Deployment") if one.name == "text-spot"]
    return dict(pod_of(made))


def test_a_place_fits_wherever_the_servers_pod_fits(kept: RenderedStack) -> None:
    """A pod with a sidecar asks for the sum of both (KEP-753, "Resources calculation")."""
    mine, theirs = pod_of(pausing(kept)), lane_pod(kept)
    (container,) = mine["containers"]
    beside = [one for one in theirs["initContainers"] if one.get("restartPolicy") == "Always"]
    asked = [one["resources"]["requests"] for one in (*theirs["containers"], *beside)]
    requests = container["resources"]["requests"]
    assert container["resources"]["limits"] == requests
    assert Cpu.parse(requests["cpu"]).millis == sum(Cpu.parse(one["cpu"]).millis for one in asked)
    for what in ("memory", "ephemeral-storage"):
        assert Memory.parse(requests[what]).bytes == sum(Memory.parse(one[what]).bytes for one in asked)
    assert Decimal(requests["nvidia.com/gpu"]) == sum(Decimal(one.get("nvidia.com/gpu", 0)) for one in asked)


def test_it_stands_where_the_lane_stands(kept: RenderedStack) -> None:
    mine, theirs = pod_of(pausing(kept)), lane_pod(kept)
    for same in ("affinity", "tolerations", "nodeSelector"):
        assert mine[same] == theirs[same]


def test_everything_goes_before_it(kept: RenderedStack) -> None:
    priorities = {one.name: one.body for one in kept.of("PriorityClass")}
    mine, theirs = pod_of(pausing(kept))["priorityClassName"], lane_pod(kept)["priorityClassName"]
    assert priorities[mine]["value"] == -10 < 0 < priorities[theirs]["value"]
    assert priorities[mine]["preemptionPolicy"] == "Never"
    assert not priorities[mine]["globalDefault"]
    assert pod_of(pausing(kept))["terminationGracePeriodSeconds"] == 0


def test_it_can_do_nothing(kept: RenderedStack) -> None:
    pod = pod_of(pausing(kept))
    assert violations({"namespace": kept.plan.namespace}, pod) == []
    assert pod["automountServiceAccountToken"] is False
    assert not pod.get("volumes")
    (container,) = pod["containers"]
    assert "@sha256:" in container["image"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_no_service_and_no_budget_takes_it_for_a_server(kept: RenderedStack) -> None:
    labels = pausing(kept)["spec"]["template"]["metadata"]["labels"]
    selectors = [one.body["spec"]["selector"] for one in kept.of("Service")]
    selectors += [one.body["spec"]["selector"]["matchLabels"] for one in kept.of("PodDisruptionBudget")]
    assert len(selectors) > 2
    assert not [one for one in selectors if one.items() <= labels.items()]


def test_a_change_of_it_buys_no_node(kept: RenderedStack) -> None:
    made = pausing(kept)
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["strategy"] == {"type": "Recreate"}


def test_it_is_what_kubernetes_takes(kept: RenderedStack) -> None:
    validate(pausing(kept), "1.35", strict=True)


def test_a_stack_that_asks_for_none_has_none(assembled_models: None) -> None:
    assert not [one for one in rendered_stack("dev").manifests if "headroom" in one.name]
