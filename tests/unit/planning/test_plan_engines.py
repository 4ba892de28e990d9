"""An engine is named by all that it depends on, so that no pool gets another's."""

from __future__ import annotations

from planning.catalogue.gpus import Architecture
from tests.unit.planning.world import ENGINE, Raw, changed, planned_with, repository, vision

WITH_ENGINE: Raw = {"servers.vision.models": ["digits", ENGINE]}
A10G: Raw = {"gpu_pools.cheap.gpu": "nvidia-a10g"}


def keys(changes: Raw, models: object = None) -> list[str]:
    return [str(key) for key in vision(planned_with({**WITH_ENGINE, **changes}, models or repository())).engines]  # type: ignore[arg-type]


def test_pools_of_one_architecture_share_an_engine_and_others_need_their_own() -> None:
    assert len(keys({})) == 1
    assert len(keys(A10G)) == 2
    made = vision(planned_with({**WITH_ENGINE, **A10G}))
    assert {key.architecture for key in made.engines} == {Architecture.ADA, Architecture.AMPERE}


def test_another_tensorrt_another_engine() -> None:
    assert keys({"servers.vision.release": "26.07"}) != keys({"servers.vision.release": "26.08"})


def test_another_source_another_engine() -> None:
    assert keys({}, changed("digits")) != keys({}) == keys({}, changed("topics"))


def test_a_model_without_its_engine_is_planned_and_not_served() -> None:
    served = vision(planned_with(WITH_ENGINE)).served
    assert [model.name for model in served.models] == ["digits"]
    assert [model.name for model in served.planned] == [ENGINE]
    assert served.digest == vision(planned_with({})).served.digest
