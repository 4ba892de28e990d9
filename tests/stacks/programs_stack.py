"""A stack that runs programs of ours, as if their image had been pushed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from rendered_stack import RenderedStack, example_repository, raw_settings, rendered_plan

from planning.catalogue import CATALOGUE
from planning.images import Built, Confirmed, RegistryAnswer, image_lock
from planning.plan import Plan
from planning.planner import plan
from planning.release import PROGRAMS_IMAGE, PROGRAMS_TAG
from planning.settings.reading import read_settings
from planning.settings.root import Settings


def planned_with(edit_pool: Callable[[dict[str, Any]], None]) -> Plan:
    """Stack `dev`, every pool of it edited."""
    raw = raw_settings("dev")
    raw["images"] = {"registry": "registry.example/acme"}
    for pool in raw["gpu_pools"].values():
        edit_pool(pool)
    settings = read_settings(raw)
    assert isinstance(settings, Settings), settings
    pushed = Built(
        name=PROGRAMS_IMAGE,
        repository=PROGRAMS_IMAGE,
        tag=PROGRAMS_TAG,
        platforms=("linux/amd64",),
        evidence=Confirmed(
            digest=f"sha256:{'5' * 64}",
            kind="manifest",
            platforms={},
            seen=(RegistryAnswer(url="https://registry.example/v2/", on=date(2026, 11, 27)),),
        ),
    )
    return plan(settings, example_repository(), CATALOGUE, image_lock().holding(pushed))


def awaiting_stack() -> RenderedStack:
    """With the start-up taint on every pool."""
    return rendered_plan("dev", planned_with(lambda pool: pool.update(startup_taint=True)))
