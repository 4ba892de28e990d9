"""What one Job is told to build, in a ConfigMap, and what it says that it has built, in the destination: JSON both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from planning.engines.built import Accuracy, BuiltEngine, Sha256
from planning.engines.shapes import InputShapes
from planning.settings.repository import Tolerance

BUILDER = "engine-builder"
"""The ServiceAccount of all builders, their NetworkPolicy, and what their pods are selected by."""

SOURCES = "engine-sources"
"""Below a destination, as a server of this name: the ONNX files that engines are built from, signed as models are."""


class OrderedTensor(BaseModel):
    """`dims` without the batch, -1 for any size; `data_type` as in a config.pbtxt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    data_type: str
    dims: tuple[int, ...]


class BuildOrder(BaseModel):
    """`name` and `key` (its whole digest) are the engine's; `source` is the ONNX file in the published set `sources`,
    which has `source_bytes`. `shapes` are of inputs with a free dimension."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    key: Sha256
    model: str
    source: str
    sources: Sha256
    source_bytes: int
    precision: str
    gpus: tuple[str, ...]
    tensorrt: str
    max_batch_size: int
    inputs: tuple[OrderedTensor, ...]
    outputs: tuple[OrderedTensor, ...]
    shapes: tuple[InputShapes, ...]
    tolerance: Tolerance

    @property
    def object_name(self) -> str:
        """Of the Job and what belongs to it."""
        return f"engine-{self.key[:16]}"

    def batches(self) -> Sequence[tuple[int, dict[str, tuple[int, ...]]]]:
        """The shapes that are asked for, each once: the least, the best and the greatest. The batch (0: there is none),
        and each input's shape with it."""
        asked: dict[str, tuple[int, dict[str, tuple[int, ...]]]] = {}
        for which in ("min", "opt", "max"):
            stated = {one.name: tuple(getattr(one, which)) for one in self.shapes}
            batch = min((dims[0] for dims in stated.values()), default=1) if self.max_batch_size else 0
            shapes = {
                tensor.name: stated.get(tensor.name, ((batch,) if batch else ()) + tensor.dims)
                for tensor in self.inputs
            }
            asked[repr(shapes)] = batch, shapes
        return list(asked.values())


class PublishedEngine(BaseModel):
    """`engine.json`: the order that was filled, and what came of it. It is written once and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: BuildOrder
    sha256: Sha256
    size: int
    built: datetime
    accuracy: Accuracy

    def recorded(self) -> BuiltEngine:
        return BuiltEngine(
            key=self.order.key, sha256=self.sha256, size=self.size, built=self.built, accuracy=self.accuracy
        )
