"""`tritonup engines` on a whole project: from a missing engine to one that is pushed with what its server serves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from places import Place
from small_repository import Keys
from typer.testing import CliRunner

import stacks.planned
from cli.main import app
from planning.engines.built import FOLDER, LOCK, Accuracy
from planning.engines.orders import SOURCES, BuildOrder
from publishing.engines import publish
from publishing.layout import read_layout
from tests.unit.planning.world import BUILDING, edited
from tests.unit.planning.world import image_lock as lock_with_programs

ROOT = Path(__file__).resolve().parents[2]
PLAN = b"ftrt" + bytes(1000)


@pytest.fixture
def project(moto: Place, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one stack `test`, whose server `vision` names `digits` and `digits_trt`."""
    root = tmp_path / "project"
    for model in ("digits", "digits_trt"):
        shutil.copytree(ROOT / "model_repository" / model, root / "model_repository" / model)
    (root / "Pulumi.yaml").write_text("name: test\nruntime: python\n")
    destination = {
        "kind": "s3",
        "bucket": "models",
        "prefix": moto.url.removeprefix("s3://models/"),
        "region": "us-east-1",
        "role": "arn:aws:iam::123456789012:role/models-read",
        "engines": {"role": "arn:aws:iam::123456789012:role/builder"},
    }
    settings = edited(
        {
            **BUILDING,
            "model_repository.destination": destination,
            "model_repository.signing": {"trusted": {"ci": keys.key.public.pem}},
            "servers.vision.models": ["digits", "digits_trt"],
            "security": {},
            "accept": [{"rule": "TU291", "reason": "its engine is being built"}],
        }
    )
    (root / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": {"tritonup:settings": settings}}))
    monkeypatch.setattr(stacks.planned, "image_lock", lock_with_programs)
    monkeypatch.chdir(root)
    monkeypatch.setenv("TRITONUP_SIGNING_KEY", str(keys.ours))
    return root


def tritonup(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [*args, "-s", "test"])
    assert result.exit_code == code, result.output
    return result


def as_json(*args: str, code: int = 0) -> Any:
    return json.loads(tritonup(*args, "--json", code=code).stdout)


def accept_nothing(project: Path) -> None:
    file = project / "Pulumi.test.yaml"
    stack = yaml.safe_load(file.read_text())
    del stack["config"]["tritonup:settings"]["accept"]
    file.write_text(yaml.safe_dump(stack))


def order_in(project: Path) -> BuildOrder:
    """What the Job of the rendered stack is told."""
    tritonup("render", "--out", str(project / "rendered"))
    found = [
        document
        for path in sorted((project / "rendered").rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document and document["kind"] == "ConfigMap" and "order.json" in document.get("data", {})
    ]
    (order,) = found
    return BuildOrder.model_validate_json(order["data"]["order.json"])


def test_from_missing_to_served(project: Path, moto: Place) -> None:
    (missing,) = as_json("engines", "missing", code=1)["engines"]
    assert missing["gpus"] == ["nvidia-l4"]
    assert "missing" in tritonup("engines", "list").stdout

    pushed = {one["server"]: one for one in as_json("models", "push")["servers"]}
    assert pushed.keys() == {SOURCES, "vision"}
    order = order_in(project)
    assert order.name == missing["engine"]
    assert order.sources == pushed[SOURCES]["digest"]
    held = read_layout(moto.store.list(SOURCES))[SOURCES, order.sources]
    assert set(held.files) == {order.source}

    assert as_json("engines", "record")["missing"] == [order.name]
    assert not (project / "model_repository" / LOCK).exists()
    plan = project / "plan"
    plan.write_bytes(PLAN)
    engine, _ = publish(
        moto.store, order, plan, Accuracy(questions=2, greatest_difference=0.0001, share_of_tolerance=0.1)
    )
    assert as_json("engines", "record")["recorded"] == [order.name]
    accept_nothing(project)
    assert as_json("engines", "missing")["engines"] == []
    assert "built" in tritonup("engines", "list").stdout
    assert "No engine is missing" in tritonup("engines", "record").stdout

    (vision,) = as_json("models", "push")["servers"]
    assert vision["digest"] != pushed["vision"]["digest"]
    served = read_layout(moto.store.list("vision"))["vision", vision["digest"]]
    assert moto.store.read(f"vision/{vision['digest']}/digits_trt/1/model.plan") == PLAN
    assert served.published
    assert as_json("models", "verify")["exit"] == 0
    assert moto.store.read(engine.recorded().stored_at(order.name)) == PLAN


def test_what_a_stack_builds_from_is_not_retired(project: Path, moto: Place) -> None:
    sources = {one["server"]: one["digest"] for one in as_json("models", "push")["servers"]}[SOURCES]
    listed = as_json("models", "list")["published"]
    assert [(one["server"], one["named_by"]) for one in listed if one["digest"] == sources] == [(SOURCES, ["test"])]


def test_an_engine_that_was_tampered_with_is_not_recorded(project: Path, moto: Place) -> None:
    as_json("models", "push")
    order = order_in(project)
    plan = project / "plan"
    plan.write_bytes(PLAN)
    accuracy = Accuracy(questions=2, greatest_difference=0.0, share_of_tolerance=0.0)
    engine, _ = publish(moto.store, order, plan, accuracy)
    at = engine.recorded().stored_at(order.name)
    moto.store.delete([at])
    moto.store.create(at, PLAN + b"!")
    assert "somebody changed it" in as_json("engines", "record", code=1)["error"]
    assert not (project / "model_repository" / LOCK).exists()
    assert moto.store.list(FOLDER)
