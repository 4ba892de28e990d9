"""What the stack is for: models that answer through the Service."""

from __future__ import annotations

import pytest
from cluster_stacks import RenderedStack

from local.client import Wire
from local.cluster.answers import ask_server, endpoint_of
from local.cluster.kubectl import Kubectl


@pytest.mark.parametrize("wire", list(Wire))
def test_every_model_answers_right_through_the_service(serving: RenderedStack, kubectl: Kubectl, wire: Wire) -> None:
    for server in serving.plan.servers:
        with endpoint_of(server, serving.plan.namespace, kubectl) as endpoint:
            answers = list(ask_server(server, endpoint, wire))
        assert [answer.model for answer in answers] == [model.name for model in server.served.models]
        assert [answer.fault for answer in answers] == [None] * len(answers)


def test_every_pod_is_ready_and_has_never_been_restarted(serving: RenderedStack, kubectl: Kubectl) -> None:
    pods = kubectl.items("pods", f"--namespace={serving.plan.namespace}")
    assert len(pods) == sum(lane.lane.minimum.value for server in serving.plan.servers for lane in server.lanes)
    for pod in pods:
        conditions = {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        assert [container["restartCount"] for container in pod["status"]["containerStatuses"]] == [0]


def test_the_pods_run_the_very_image_that_was_packed(serving: RenderedStack, kubectl: Kubectl) -> None:
    wanted = {
        container["image"].rpartition("@")[2]
        for body in serving.of_kind("Deployment")
        for container in body["spec"]["template"]["spec"]["containers"]
    }
    running = {
        container["imageID"].rpartition("@")[2]
        for pod in kubectl.items("pods", f"--namespace={serving.plan.namespace}")
        for container in pod["status"]["containerStatuses"]
    }
    assert running == wanted
