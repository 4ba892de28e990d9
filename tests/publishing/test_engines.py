"""An engine from an order to a served model: what its Job's containers run, with a stand-in for TensorRT alone.

`trtexec` and Triton's backend `tensorrt` need a GPU. Here a script stands for the first: it writes the ONNX file as the
plan, or another one. A Python backend that runs ONNX stands for the second. The programs, the store, the Triton that is
asked and the comparison are those of the pod.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pytest
from onnx import ModelProto, TensorProto, helper
from places import Place
from small_repository import Keys, served_of
from test_triton_serves import installed, triton

from components.models.engine_builder import UNLESS_PUBLISHED, WORK
from local.installed import InstalledTriton
from planning.engines.built import FOLDER, Accuracy
from planning.engines.orders import SOURCES, BuildOrder, OrderedTensor
from planning.engines.shapes import InputShapes
from planning.engines.trtexec import trtexec_arguments
from planning.engines.workplace import ENGINE, Workplace
from planning.repository.served import Stored
from planning.settings.repository import Tolerance
from programs.ending import CANNOT, REFUSED
from publishing.engines import EngineError, publish, published, verified
from publishing.pushing import PushError, push

__all__ = ["installed"]  # a fixture

PROJECT = Path(__file__).resolve().parents[2]

STAND_IN = """\
#!/bin/sh
for word; do
  case "$word" in
    --onnx=*) onnx=${word#--onnx=} ;;
    --saveEngine=*) plan=${word#--saveEngine=} ;;
  esac
done
echo "$@" > "$plan.arguments"
cp "${STAND_IN_BUILDS:-$onnx}" "$plan"
"""


def scaling(by: float, add: float = 0.0) -> ModelProto:
    """`OUTPUT = INPUT * by + add`, for batches of 4 numbers."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["INPUT", "by"], ["scaled"]), helper.make_node("Add", ["scaled", "add"], ["OUTPUT"])],
        "scaling",
        [helper.make_tensor_value_info("INPUT", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("OUTPUT", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in (("by", by), ("add", add))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def order_of(sources: str, size: int, tolerance: Tolerance | None = None) -> BuildOrder:
    key = "5" * 64
    tensor = {"data_type": "TYPE_FP32", "dims": (4,)}
    return BuildOrder(
        name=f"aaaaaaaaaaaa-fp32-sm89-trt11.2.1.2-{key[:16]}",
        key=key,
        model="digits_trt",
        source="digits/1/model.onnx",
        sources=sources,
        source_bytes=size,
        precision="fp32",
        gpus=("nvidia-l4",),
        tensorrt="11.2.1.2",
        max_batch_size=8,
        inputs=(OrderedTensor(name="INPUT", **tensor),),  # type: ignore[arg-type]
        outputs=(OrderedTensor(name="OUTPUT", **tensor),),  # type: ignore[arg-type]
        shapes=(InputShapes(name="INPUT", min=(1, 4), opt=(4, 4), max=(8, 4)),),
        tolerance=tolerance or Tolerance(),
    )


@dataclass(frozen=True, slots=True)
class Builder:
    """A Job's pod: `run` is one of our programs, as the image's entry starts it."""

    place: Place
    order: BuildOrder
    work: Path
    environment: dict[str, str]

    @property
    def workplace(self) -> Workplace:
        return Workplace(PurePosixPath(self.work))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "programs", *arguments],
            cwd=PROJECT,
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def _told(self) -> Sequence[str]:
        order = self.work.parent / "order.json"
        order.write_text(self.order.model_dump_json())
        return f"--order={order}", f"--store={self.place.url}", f"--work={self.work}"

    def prepare(self) -> subprocess.CompletedProcess[str]:
        return self.run("engines", "prepare", *self._told(), f"--signing={self.work.parent / 'signing.json'}")

    def build(self, builds: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The container `build`, but for whose trtexec it is."""
        trtexec = self.work.parent / "trtexec"
        trtexec.write_text(STAND_IN)
        trtexec.chmod(0o755)
        onnx, plan = str(self.workplace.onnx(self.order)), str(self.workplace.plan)
        script = UNLESS_PUBLISHED.replace(str(WORK.root), str(self.work))
        return subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(trtexec), *trtexec_arguments(self.order, onnx=onnx, plan=plan)],
            env={**os.environ, **({"STAND_IN_BUILDS": str(builds)} if builds else {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def publish(self, port: int, start: float = 30) -> subprocess.CompletedProcess[str]:
        return self.run("engines", "publish", *self._told(), f"--server=http://127.0.0.1:{port}", f"--start={start}")


@pytest.fixture
def builder(place: Place, keys: Keys, tmp_path: Path) -> Builder:
    """Its ONNX file is pushed and signed."""
    sources = served_of(tmp_path / "here", {"digits/1/model.onnx": scaling(2).SerializeToString()})
    push(place.store, SOURCES, sources, keys.key, keys.trust)
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod" / "signing.json").write_text(json.dumps({"trusted": {"ci": keys.key.public.pem}, "revoked": []}))
    return Builder(place, order_of(sources.digest, sources.total_bytes), tmp_path / "pod" / "work", place.environment)


@pytest.fixture
def serving(installed: InstalledTriton, tmp_path: Path) -> Callable[[Builder], object]:
    """Triton with the pod's repository, and an ONNX backend under TensorRT's name."""

    def start(of: Builder) -> object:
        folder = tmp_path / "triton"
        folder.mkdir()
        return triton(installed, str(of.workplace.repository), folder, {}, stand_ins=("tensorrt",))

    return start


ACCURACY = Accuracy(questions=3, greatest_difference=0.0, share_of_tolerance=0.0)


def test_the_source_is_verified_before_anything_is_built(builder: Builder) -> None:
    at = f"{SOURCES}/{builder.order.sources}/{builder.order.source}"
    builder.place.store.delete([at])
    builder.place.store.create(at, scaling(3).SerializeToString())
    refused = builder.prepare()
    assert refused.returncode == REFUSED
    assert "[TU247]" in refused.stderr
    assert not Path(builder.workplace.repository).exists()


@pytest.mark.serving
@pytest.mark.parametrize("place", ["moto"], indirect=True)
def test_an_engine_that_answers_as_its_onnx_model_is_published_once(
    builder: Builder, serving: Callable[[Builder], object]
) -> None:
    store = builder.place.store
    assert builder.prepare().returncode == 0
    built = builder.build()
    assert built.returncode == 0, built.stderr
    plan = Path(builder.workplace.plan)
    words = plan.with_name("model.plan.arguments").read_text()
    assert "--minShapes=INPUT:1x4 --optShapes=INPUT:4x4 --maxShapes=INPUT:8x4" in words
    with serving(builder) as (ports, _):  # type: ignore[attr-defined]
        done = builder.publish(ports.http)
    assert done.returncode == 0, done.stderr
    found = verified(store, builder.order.name, builder.order.key)
    assert found is not None
    assert found.order == builder.order
    assert found.accuracy.questions == 3
    assert found.accuracy.greatest_difference == 0
    assert store.read(found.recorded().stored_at(builder.order.name)) == plan.read_bytes()

    shutil.rmtree(builder.work)  # another Job of the same key
    builder.work.mkdir()
    again = builder.prepare()
    assert "not built again" in again.stdout
    assert builder.build().returncode == 0
    assert not Path(builder.workplace.plan).exists()
    assert builder.publish(1, start=0).returncode == 0
    assert verified(store, builder.order.name, builder.order.key) == found


@pytest.mark.serving
@pytest.mark.parametrize("place", ["directory"], indirect=True)
@pytest.mark.parametrize(("add", "published_as"), [(0.0009, True), (0.1, False)], ids=["within", "beyond"])
def test_what_decides_is_the_stated_tolerance(
    builder: Builder, serving: Callable[[Builder], object], add: float, published_as: bool
) -> None:
    other = builder.work.parent / "other.onnx"
    other.write_bytes(scaling(2, add).SerializeToString())
    assert builder.prepare().returncode == 0
    assert builder.build(builds=other).returncode == 0
    with serving(builder) as (ports, _):  # type: ignore[attr-defined]
        done = builder.publish(ports.http)
    there = published(builder.place.store, builder.order.name)
    if published_as:
        assert done.returncode == 0, done.stderr
        assert there is not None
        assert there.accuracy.greatest_difference == pytest.approx(add, rel=0.01)
        assert 0 < there.accuracy.share_of_tolerance < 1
    else:
        assert done.returncode == REFUSED
        assert "0.1 apart" in done.stderr
        assert "Nothing is published" in done.stderr
        assert there is None
        assert builder.place.store.list(FOLDER) == ()


@pytest.mark.serving
@pytest.mark.parametrize("place", ["directory"], indirect=True)
def test_an_engine_that_triton_does_not_load_is_not_published_and_triton_says_why(
    builder: Builder, serving: Callable[[Builder], object]
) -> None:
    broken = builder.work.parent / "broken"
    broken.write_bytes(b"no plan")
    assert builder.prepare().returncode == 0
    assert builder.build(builds=broken).returncode == 0
    with serving(builder) as (ports, _):  # type: ignore[attr-defined]
        done = builder.publish(ports.http)
    assert done.returncode == CANNOT
    assert f"cannot load the {ENGINE}" in done.stderr
    assert published(builder.place.store, builder.order.name) is None


def test_the_first_builder_of_a_key_is_its_only_one(builder: Builder, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"one" * 1000)
    other.write_bytes(b"other" * 1000)
    store = builder.place.store
    first, mine = publish(store, builder.order, one, ACCURACY)
    second, late = publish(store, builder.order, other, ACCURACY)
    assert (mine, late) == (True, False)
    assert second == first == published(store, builder.order.name)
    assert publish(store, builder.order, one, ACCURACY) == (first, False)


def test_what_was_changed_or_put_elsewhere_is_not_taken_for_an_engine(builder: Builder, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    plan.write_bytes(b"plan" * 1000)
    store, order = builder.place.store, builder.order
    assert verified(store, order.name, order.key) is None
    engine, _ = publish(store, order, plan, ACCURACY)
    with pytest.raises(EngineError, match="another key"):
        verified(store, order.name, "6" * 64)
    said = store.read(f"{FOLDER}/{order.name}/engine.json")
    store.create(f"{FOLDER}/elsewhere/engine.json", said)
    with pytest.raises(EngineError, match="somebody put it there"):
        published(store, "elsewhere")
    store.create(f"{FOLDER}/broken/engine.json", b"{}")
    with pytest.raises(EngineError, match="no engine"):
        published(store, "broken")
    at = engine.recorded().stored_at(order.name)
    store.delete([at])
    store.create(at, b"other bytes")
    with pytest.raises(EngineError, match="changed"):
        verified(store, order.name, order.key)


def test_a_push_takes_an_engine_from_where_it_was_built_and_only_the_recorded_one(
    builder: Builder, keys: Keys, tmp_path: Path
) -> None:
    plan = tmp_path / "plan"
    plan.write_bytes(os.urandom(70_000))
    store, order = builder.place.store, builder.order
    engine, _ = publish(store, order, plan, ACCURACY)
    here = served_of(
        tmp_path / "served", {"digits_trt/1/model.plan": plan.read_bytes(), "digits_trt/config.pbtxt": b"x"}
    )
    stored = Stored(engine.recorded().stored_at(order.name))
    files = tuple(replace(one, source=stored) if one.path.suffix == ".plan" else one for one in here.files)
    served = replace(here, files=files)
    done = push(store, "vision", served, keys.key, keys.trust)
    assert store.read(f"vision/{served.digest}/digits_trt/1/model.plan") == plan.read_bytes()
    assert push(store, "vision", served, keys.key, keys.trust).already
    assert not done.already

    forged = replace(
        here, digest="0" * 64, files=tuple(replace(one, source=stored, sha256="1" * 64) for one in files[:1])
    )
    with pytest.raises(PushError, match="not the file that belongs there"):
        push(store, "other", forged, keys.key, keys.trust)
    gone = replace(here, files=tuple(replace(one, source=Stored("engines/nowhere")) for one in files))
    with pytest.raises(PushError, match=r"engines\.lock\.json"):
        push(store, "third", gone, keys.key, keys.trust)


def test_what_is_asked_is_the_least_the_best_and_the_greatest_each_once() -> None:
    order = order_of("0" * 64, 1)
    assert [(batch, shapes["INPUT"]) for batch, shapes in order.batches()] == [(1, (1, 4)), (4, (4, 4)), (8, (8, 4))]
    fixed = order.model_copy(update={"shapes": (), "max_batch_size": 0})
    assert fixed.batches() == [(0, {"INPUT": (4,)})]
