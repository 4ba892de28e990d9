"""Security choices that are not the same everywhere. Everything else is on, without a switch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from planning.settings.base import Strict
from planning.settings.scalars import Distinct, Labels, ModelName


def _peoples_own(group: str) -> str:
    if group.startswith("system:"):
        raise ValueError("is one of Kubernetes' own groups: name a group of people")
    return group


Group = Annotated[
    str,
    StringConstraints(pattern=r"^[^\s*]+$", max_length=253),
    AfterValidator(_peoples_own),
]
"""As the cluster is told of it when somebody logs in: a Google group's address on GKE, a group of an access entry on
EKS, a claim of the identity provider elsewhere."""

Groups = Annotated[list[Group], Distinct()]


class People(Strict):
    """Who may do what in the namespace, beside whoever deploys the stack."""

    viewers: Groups = []
    """See every object of the servers. Neither logs nor Secrets."""
    ml_engineers: Groups = []
    """See logs too, and roll Deployments out and back."""
    operators: Groups = []
    """Also scale, and take pods away."""


class Security(Strict):
    python_models: list[ModelName] = []
    """Models that may run code of their own in the server (Triton's Python backend has no sandbox)."""
    dns: Labels = {"k8s-app": "kube-dns"}
    """Labels of the cluster's DNS pods in kube-system."""
    people: People = People()
