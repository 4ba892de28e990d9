"""What the drainer is told, and what it says of nonsense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpu_health.settings import Lease, Pool, Settings, Sign, read_settings
from planning.told import SettingsError

GOOD: dict[str, Any] = {
    "taint": "a/b",
    "lease": {"namespace": "there", "name": "drain"},
    "signs": [{"condition": "GpuHealthy", "status": "False"}],
    "pools": [{"name": "l4", "labels": {"pool": "l4"}, "at_once": 1}],
}


def test_settings_are_read_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(GOOD), encoding="utf-8")
    assert read_settings(file) == Settings(
        taint="a/b",
        lease=Lease(namespace="there", name="drain"),
        signs=(Sign(condition="GpuHealthy", status="False"),),
        pools=(Pool(name="l4", labels={"pool": "l4"}, at_once=1),),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"taint": ""}, "taint is ''"),
        ({"lease": {"namespace": "there"}}, "lease.name is None"),
        ({"signs": []}, "signs is []"),
        ({"signs": [{"condition": "GpuHealthy", "status": False}]}, "signs[0].status is False"),
        ({"pools": [{"name": "l4", "labels": {}, "at_once": 1}]}, "pools[0].labels is empty"),
        ({"pools": [{"name": "l4", "labels": {"a": "b"}, "at_once": 0}]}, "pools[0].at_once is 0"),
    ],
)
def test_what_is_wrong_with_settings_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(GOOD | change), encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        read_settings(file)
    assert words in str(refused.value)
