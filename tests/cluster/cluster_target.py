"""The cluster that the tests run against, and what a stack needs on it before it can run."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster_stacks import RenderedStack

from local.cluster.applying import remove_stack
from local.cluster.boot import Cluster
from local.cluster.containers import import_everywhere
from local.cluster.kubectl import Kubectl
from local.cluster.layout import LAYOUT
from local.cluster.models import forget_models, place_models
from local.cluster.stack_images import images_of, pinned


class Printed:
    """Progress for a test's captured output."""

    @contextmanager
    def step(self, doing: str) -> Generator[None]:
        started = time.monotonic()
        yield
        print(f"{doing}: {time.monotonic() - started:.1f} s")

    def note(self, text: str) -> None:
        print(text)


ENDED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`own` is the cluster where it is one of ours, whose nodes can be made and unmade."""

    kubectl: Kubectl
    own: Cluster | None


def brought(stack: RenderedStack, target: Target, progress: Printed) -> RenderedStack:
    """`stack` with its images and models on every node, and its containers pinned to what was packed."""
    if target.own is None:
        return stack
    images = images_of(stack.plan, LAYOUT, progress)
    workers = [running.node.name for running in target.own.nodes() if not running.node.control]
    import_everywhere(images, workers, target.own.parts)
    place_models(stack.plan.servers, LAYOUT)
    return RenderedStack(name=stack.name, plan=stack.plan, objects=pinned(stack.objects, images))


def remove_at_once(stack: RenderedStack, kubectl: Kubectl) -> None:
    """Take the stack away without its pods' leaving: nobody asks any more."""
    end_pods(kubectl, stack.plan.namespace, "--grace-period=1")
    remove_stack(kubectl, stack.name)
    forget_models(LAYOUT)


def end_pods(kubectl: Kubectl, namespace: str, *how: str) -> None:
    """All pods of `namespace`, and whatever would make them anew."""
    where = f"--namespace={namespace}"
    deadline = time.monotonic() + ENDED_WITHIN_S
    while True:
        # From the top, each without what it made: or pods would be made anew, to leave in their own time.
        for kind in ("deployments,daemonsets,jobs", "replicasets"):
            kubectl.attempt("delete", kind, "--all", where, "--cascade=orphan")
        kubectl.attempt("delete", "pods", "--all", where, *how)
        # A controller that was at it may have made one more.
        if not kubectl.items("pods", where) or time.monotonic() > deadline:
            return
