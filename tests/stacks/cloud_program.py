"""The program of a stack as `pulumi up` runs it, cluster included, recorded once for each process that runs tests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rendered_stack import planned_from, raw_settings

from planning.clusters.gke import PlannedGke
from planning.plan import Plan
from stacks.program import deploy
from stacks.recording import Recorded, record

NUMBER = "123456789012"
"""Google's number of the project that `PROJECT_ASKED` answers for."""

PROJECT_ASKED: Mapping[str, Mapping[str, Any]] = {
    "gcp:organizations/getProject:getProject": {"id": "projects/acme-inference-dev", "number": NUMBER}
}

Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudProgram:
    plan: Plan
    resources: tuple[Recorded, ...]

    @property
    def gke(self) -> PlannedGke:
        assert isinstance(self.plan.made, PlannedGke)
        return self.plan.made

    def of(self, kind: str) -> Mapping[str, Inputs]:
        """By name: the inputs of all resources of `kind`, the last part of their type."""
        found = {one.name: one.inputs for one in self.resources if one.type.rpartition(":")[2] == kind}
        assert found, f"there is no {kind}"
        return found

    def one(self, kind: str) -> Inputs:
        (found,) = self.of(kind).values()
        return found

    def gpu_pools(self) -> Mapping[str, Inputs]:
        found = {name: pool for name, pool in self.of("NodePool").items() if name != "system"}
        assert found
        return found

    def node_configs(self) -> Iterator[tuple[str, Inputs]]:
        """Of every pool, and of the one that goes at once."""
        yield "default", self.one("Cluster")["nodeConfig"]
        for name, pool in self.of("NodePool").items():
            yield name, pool["nodeConfig"]


def recorded_program(stack: str, edit: Callable[[dict[str, Any]], None] | None = None) -> CloudProgram:
    raw = raw_settings(stack)
    if edit is not None:
        edit(raw)
        raw["accept"] = []
    plan = planned_from(raw)
    assert not plan.errors, [str(finding) for finding in plan.errors]
    plan = replace(plan, findings=())
    return CloudProgram(plan=plan, resources=record(lambda: deploy(plan), stack=stack, calls=PROJECT_ASKED))


@functools.cache
def dev() -> CloudProgram:
    """Stack `dev` as its committed file says."""
    return recorded_program("dev")
