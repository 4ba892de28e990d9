"""Every object against Kubernetes' own schema of its kind, strictly: an unknown field is a mistake."""

from __future__ import annotations

from copy import deepcopy

import kubernetes_validate
import pytest
from rendered_stack import RenderedStack, rendered_stack

VERSION = "1.35"

NOT_BUILT_IN = {"PodMonitor", "NodePool", "EC2NodeClass", "ComputeClass"}
"""Kinds of controllers, which Kubernetes has no schema of. Theirs come with their own definitions, but for GKE's
(test_compute_class.py)."""


def test_every_object_fits_the_schema_of_its_kind(whole: RenderedStack) -> None:
    judged: set[str] = set()
    for manifest in whole.manifests:
        if manifest.kind not in NOT_BUILT_IN:
            # Returns the version whose schema it took: an older one, silently, where it has no newer.
            assert kubernetes_validate.validate(dict(manifest.body), VERSION, strict=True) == VERSION
            judged.add(manifest.kind)
    assert judged == {manifest.kind for manifest in whole.manifests} - NOT_BUILT_IN


def test_kubernetes_has_no_schema_of_the_kinds_that_are_left_out(assembled_models: None) -> None:
    for monitor in rendered_stack("prod").of(*NOT_BUILT_IN):
        with pytest.raises(kubernetes_validate.SchemaNotFoundError):
            kubernetes_validate.validate(dict(monitor.body), VERSION, strict=True)


def test_the_schemas_refuse_a_misspelt_and_a_mistyped_field(assembled_models: None) -> None:
    deployment = deepcopy(dict(rendered_stack("prod").of("Deployment")[0].body))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolice"):
        kubernetes_validate.validate(deployment, VERSION, strict=True)
    del container["imagePullPolice"]
    deployment["spec"]["progressDeadlineSeconds"] = "1032"
    with pytest.raises(kubernetes_validate.ValidationError, match="1032"):
        kubernetes_validate.validate(deployment, VERSION, strict=True)
