"""Applying a stack is a statement, not a step: again, half, without an object, and away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from typing import Any

import pytest
from cluster_stacks import RenderedStack, stack

from local.cluster.applying import GROUP, PLURAL, apply_stack, remove_stack
from local.cluster.kubectl import Kubectl

CHILD = """
import json, sys
from pathlib import Path
from local.cluster.applying import apply_stack
from local.cluster.kubectl import Kubectl
apply_stack(Kubectl(program=Path(sys.argv[1]), kubeconfig=Path(sys.argv[2])), sys.argv[3], json.load(sys.stdin))
"""


@pytest.fixture
def local(kubectl: Kubectl) -> Generator[RenderedStack]:
    """Stack `local` without anything of it on the cluster. Its pods need not run for these tests."""
    yield stack("local")
    remove_stack(kubectl, "local")


def names(kubectl: Kubectl, namespace: str) -> set[str]:
    kinds = "deployments,services,networkpolicies,poddisruptionbudgets,serviceaccounts,persistentvolumeclaims,hpa"
    return set(kubectl.run("get", kinds, f"--namespace={namespace}", "--output=name").split())


def test_a_second_apply_changes_nothing(kubectl: Kubectl, local: RenderedStack) -> None:
    first = apply_stack(kubectl, local.name, local.objects)
    assert len(first.changed) == len(local.objects)
    second = apply_stack(kubectl, local.name, local.objects)
    assert (second.changed, second.pruned) == ((), ())


def test_an_edit_changes_only_what_it_must(kubectl: Kubectl, local: RenderedStack) -> None:
    def more_memory(settings: dict[str, Any]) -> None:
        settings["servers"]["triton"]["resources"]["memory"] = "5Gi"

    apply_stack(kubectl, local.name, local.objects)
    edited = apply_stack(kubectl, local.name, stack("local", more_memory).objects)
    assert (edited.changed, edited.pruned) == (("deployment/triton-floor",), ())


def test_what_is_no_longer_rendered_is_removed_and_nothing_else_is_touched(
    kubectl: Kubectl, local: RenderedStack
) -> None:
    apply_stack(kubectl, local.name, local.objects)
    before = names(kubectl, local.plan.namespace)
    kept = [body for body in local.objects if body["kind"] != "PodDisruptionBudget"]
    applied = apply_stack(kubectl, local.name, kept)
    assert applied.pruned
    assert applied.changed == ()
    gone = before - names(kubectl, local.plan.namespace)
    assert {name.partition("/")[0] for name in gone} == {"poddisruptionbudget.policy"}


def test_an_interrupted_apply_is_completed_by_the_next(kubectl: Kubectl, local: RenderedStack) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(kubectl.program), str(kubectl.kubeconfig), local.name],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(local.objects).encode())
    child.stdin.close()
    wanted = ("get", "namespace", local.plan.namespace, "--output=name")
    deadline = time.monotonic() + 30
    while kubectl.attempt(*wanted).returncode != 0:
        assert time.monotonic() < deadline
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    apply_stack(kubectl, local.name, local.objects)
    again = apply_stack(kubectl, local.name, local.objects)
    assert again.changed == ()
    assert len(kubectl.items("deployments", f"--namespace={local.plan.namespace}")) == len(local.of_kind("Deployment"))


def test_removal_leaves_nothing_of_the_stack(kubectl: Kubectl, local: RenderedStack) -> None:
    def cluster_wide() -> set[str]:
        return set(kubectl.run("get", "namespaces,pv,priorityclasses,crd", "--output=name").split())

    before = cluster_wide()
    apply_stack(kubectl, local.name, local.objects)
    assert cluster_wide() > before
    remove_stack(kubectl, local.name)
    assert cluster_wide() == before
    assert kubectl.attempt("get", f"{PLURAL}.{GROUP}").returncode != 0
