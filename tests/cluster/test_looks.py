"""What is seen over the kept connection is what kubectl sees."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object

CHANGES = ("status", "resourceVersion")
"""By itself, from one look to the next."""


def settled(body: Object) -> Object:
    metadata = {key: value for key, value in body["metadata"].items() if key not in CHANGES}
    return {**{key: value for key, value in body.items() if key not in CHANGES}, "metadata": metadata}


@pytest.mark.parametrize(
    "asked",
    [
        ("nodes",),
        ("no",),
        ("pods", "--all-namespaces"),
        ("deployments,jobs,pods,hpa", "--namespace=kube-system"),
        ("deployments.apps", "--namespace=kube-system"),
        ("pods", "--namespace=kube-system", "--selector=k8s-app=kube-dns"),
        ("pods", "--all-namespaces", "--field-selector=status.phase=Running"),
        ("pods", "--namespace=nowhere"),
    ],
    ids=" ".join,
)
def test_a_list_is_what_kubectl_lists(kubectl: Kubectl, asked: tuple[str, ...]) -> None:
    assert kubectl.looks is not None
    seen = kubectl.looks(asked)
    assert seen is not None, "kubectl was asked"
    listed = replace(kubectl, looks=None).items(*asked)
    assert [settled(body) for body in seen["items"]] == [settled(body) for body in listed]


def test_an_object_is_what_kubectl_gets(kubectl: Kubectl) -> None:
    assert kubectl.looks is not None
    asked = ("namespace", "kube-system")
    assert settled(kubectl.looks(asked)) == settled(replace(kubectl, looks=None).get(*asked))


@pytest.mark.parametrize(
    "asked",
    [("namespace", "nowhere"), ("gateways",), ("pods", "--sort-by=.metadata.name"), ("pods",)],
    ids=" ".join,
)
def test_what_it_cannot_answer_is_left_to_kubectl(kubectl: Kubectl, asked: tuple[str, ...]) -> None:
    assert kubectl.looks is not None
    assert kubectl.looks(asked) is None


def test_kubectls_words_are_heard_about_what_is_not_there(kubectl: Kubectl) -> None:
    with pytest.raises(ClusterError, match=r"nowhere.* not found"):
        kubectl.get("namespace", "nowhere")
