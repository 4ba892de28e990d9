"""A stack whose pools carry the start-up taint, as if the image of our programs had been pushed."""

from __future__ import annotations

from datetime import date

from rendered_stack import RenderedStack, example_repository, raw_settings, rendered_plan

from planning.catalogue import CATALOGUE
from planning.images import Built, Confirmed, RegistryAnswer, image_lock
from planning.planner import plan
from planning.release import PROGRAMS_IMAGE, PROGRAMS_TAG
from planning.settings import Settings, read_settings


def awaiting_stack() -> RenderedStack:
    """Stack `dev`, with the taint on every pool."""
    raw = raw_settings("dev")
    raw["images"] = {"registry": "registry.example/acme"}
    for pool in raw["gpu_pools"].values():
        pool["startup_taint"] = True
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
    return rendered_plan("dev", plan(settings, example_repository(), CATALOGUE, image_lock().holding(pushed)))
