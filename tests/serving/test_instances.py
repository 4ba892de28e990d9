"""Planning reckons with as many instances as a real Triton makes."""

from __future__ import annotations

from pathlib import Path

from serving_workplace import Workplace
from small_models import doubling

from measuring.profile.server import RunningServer
from planning.memory import instances
from planning.repository.reader import read_repository

GROUPS = {
    "none": "",
    "empty": "instance_group [ { } ]",
    "automatic": "instance_group [ { kind: KIND_AUTO } ]",
    "processor": "instance_group [ { kind: KIND_CPU } ]",
    "stated": "instance_group [ { kind: KIND_CPU count: 1 }, { kind: KIND_CPU count: 2 } ]",
    "both": "instance_group [ { kind: KIND_CPU }, { kind: KIND_CPU count: 1 } ]",
}

ONE = "instance_group [ { count: 1 kind: KIND_CPU } ]"


def test_planning_counts_the_instances_that_triton_makes(workplace: Workplace, tmp_path: Path) -> None:
    models = [doubling(tmp_path, name) for name in GROUPS]
    for model in models:
        stated = (model / "config.pbtxt").read_text()
        assert ONE in stated
        (model / "config.pbtxt").write_text(stated.replace(ONE, GROUPS[model.name]))
    triton = workplace.start_ready(models)
    server = RunningServer(f"127.0.0.1:{triton.prepared.ports.http}")
    planned = {name: instances(one, with_gpu=False) for name, one in read_repository(tmp_path)[0].models.items()}
    assert {name: server.config(name).instances for name in GROUPS} == planned
    assert planned["none"] == 2
