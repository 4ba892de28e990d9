"""What the engine is asked for beside the inputs of a stack's objects: in which order, and what stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi.runtime import mocks

from planning.plan import Plan
from stacks.composition import compose
from stacks.recording import record


@dataclass
class Asked:
    """By the resource's type and name, or by its name alone."""

    waits_for: dict[tuple[str, str], set[str]] = field(default_factory=dict[tuple[str, str], set[str]])
    stays: set[str] = field(default_factory=set[str])
    ends_within: dict[str, str] = field(default_factory=dict[str, str])


def asked_of(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Asked:
    seen = Asked()
    genuine: Any = mocks.MockMonitor.RegisterResource  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  - untyped

    def register(monitor: mocks.MockMonitor, request: Any) -> Any:
        seen.waits_for[request.type.rpartition(":")[2], request.name] = {
            urn.rpartition("::")[2] for urn in request.dependencies
        }
        if request.retainOnDelete:
            seen.stays.add(request.name)
        if request.customTimeouts.delete:
            seen.ends_within[request.name] = request.customTimeouts.delete
        return genuine(monitor, request)

    monkeypatch.setattr(mocks.MockMonitor, "RegisterResource", register)
    from pulumi import ResourceOptions

    record(lambda: compose(plan, ResourceOptions()), stack="prod")
    return seen
