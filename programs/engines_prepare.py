"""`engines prepare`: the ONNX file, verified, and a model repository in which Triton will compare an engine with it."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from planning.engines.orders import SOURCES, BuildOrder, OrderedTensor
from planning.engines.workplace import ENGINE, ORIGINAL, PLAN, Workplace
from programs.arguments import add_signing, add_store, read_trust
from programs.ending import CANNOT, REFUSED, end_when_told, failed
from publishing.engines import published
from publishing.pulling import PullError, RefusedError, pull
from publishing.store import Store, StoreError


def main(arguments: Sequence[str]) -> int:
    """What the process ends with."""
    asked = _asked(arguments)
    end_when_told()
    return prepare(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    order: Path
    store: str
    region: str | None
    endpoint: str | None
    signing: Path
    work: Path


def prepare(asked: Asked) -> int:
    place = Workplace(PurePosixPath(asked.work))
    try:
        order = read_order(asked.order)
        store = Store(asked.store, region=asked.region, endpoint=asked.endpoint)
        if (there := published(store, order.name)) is not None:
            Path(place.already).touch()
            print(f"{order.name} was built on {there.built:%Y-%m-%d}: an unchanged key is not built again.", flush=True)
            return 0
        pulled = pull(store, SOURCES, order.sources, Path(place.fetched), read_trust(asked.signing))
        _lay_out(place, order, pulled.directory)
    except RefusedError as refused:
        return failed(REFUSED, "\n".join(map(str, refused.findings)))
    except (PullError, StoreError) as refused:
        return failed(CANNOT, str(refused))
    except OSError as refused:
        return failed(CANNOT, f"{refused.filename or place.root} cannot be written: {refused.strerror}.")
    print(f"{order.source} is there, as signed by {pulled.signed_by}; building {order.name}", flush=True)
    return 0


def read_order(path: Path) -> BuildOrder:
    """PullError where the file holds none."""
    try:
        return BuildOrder.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as refused:
        raise PullError(f"{path} does not say what to build: {refused}") from None


def _asked(arguments: Sequence[str]) -> Asked:
    parser = argparse.ArgumentParser(prog="engines prepare", allow_abbrev=False)
    parser.add_argument("--order", required=True, type=Path, help="what to build, as JSON")
    add_store(parser)
    add_signing(parser)
    parser.add_argument("--work", required=True, type=Path, help="the volume that the Job's containers share")
    return Asked(**vars(parser.parse_args(arguments)))


def _lay_out(place: Workplace, order: BuildOrder, fetched: Path) -> None:
    """A container that is started again finds its own work, and does it once more."""
    shutil.rmtree(place.repository, ignore_errors=True)
    onnx = fetched / order.source
    Path(place.onnx(order)).parent.mkdir(parents=True)
    for file in onnx.parent.rglob("*"):
        if file.is_file():
            target = Path(place.onnx(order)).parent / file.relative_to(onnx.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(file)
    Path(place.plan).parent.mkdir(parents=True)
    # The reference is computed on the processor: FP32 there is FP32.
    reference = "instance_group [ { kind: KIND_CPU } ]\n"
    for model, backend, file, more in (
        (ORIGINAL, "onnxruntime", onnx.name, reference),
        (ENGINE, "tensorrt", PLAN, ""),
    ):
        text = _config(model, backend, file, order) + more
        Path(place.repository, model, "config.pbtxt").write_text(text, encoding="utf-8")


def _config(model: str, backend: str, file: str, order: BuildOrder) -> str:
    return (
        f"name: {json.dumps(model)}\nbackend: {json.dumps(backend)}\nmax_batch_size: {order.max_batch_size}\n"
        f"default_model_filename: {json.dumps(file)}\n"
        f"input [ {', '.join(map(_tensor, order.inputs))} ]\noutput [ {', '.join(map(_tensor, order.outputs))} ]\n"
    )


def _tensor(tensor: OrderedTensor) -> str:
    return f"{{ name: {json.dumps(tensor.name)} data_type: {tensor.data_type} dims: {list(tensor.dims)} }}"
