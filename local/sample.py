"""`sample.json` beside a model: one request that shows what the model does. The format is in docs/samples.md."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from local.client import Array, numpy_type
from local.errors import CannotServeError
from planning.repository.model import CONFIG_FILE
from planning.repository.pbtxt import ConfigSyntaxError, parse_config
from planning.repository.suggestion import did_you_mean, listed

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SAMPLE_FILE = "sample.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputTensor(_Strict):
    """An input as the KServe v2 protocol writes it in JSON: `data` flat or nested, row by row."""

    name: str
    shape: list[int]
    datatype: str
    data: list[JsonValue]
    parameters: dict[str, JsonValue] = {}

    @model_validator(mode="after")
    def _can_be_sent(self) -> InputTensor:
        array_of(self)
        return self


def array_of(tensor: InputTensor) -> tuple[str, str, Array]:
    """Name, data type and values of an input. ValueError where they are not of that type, or do not fit its shape."""
    try:
        flat = np.array(tensor.data, dtype=object).reshape(-1)
        if tensor.datatype == "BYTES":
            flat = np.array([str(item).encode() for item in flat], dtype=object)
        values: Array = flat.astype(numpy_type(tensor.datatype))
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"data is not all {tensor.datatype}: {error}") from None
    except CannotServeError as error:
        raise ValueError(str(error).rstrip(".")) from None
    try:
        return tensor.name, tensor.datatype, values.reshape(tensor.shape)
    except ValueError:
        takes = "" if min(tensor.shape, default=0) < 0 else f", which takes {math.prod(tensor.shape)}"
        raise ValueError(f"data has {len(values)} values for shape {tensor.shape}{takes}") from None


class OutputTensor(_Strict):
    name: str
    parameters: dict[str, JsonValue] = {}


class Request(_Strict):
    """The body of a KServe v2 inference request."""

    id: str = ""
    parameters: dict[str, JsonValue] = {}
    inputs: Annotated[list[InputTensor], Field(min_length=1)]
    outputs: list[OutputTensor] = []


class _Asked(_Strict):
    caption: str
    request: Request


class ExpectedLabel(_Strict):
    label: str


class ClassSample(_Asked):
    """The answer is the class with the highest score."""

    show: Literal["class"]
    expect: ExpectedLabel | None = None


class ExpectedCandidate(_Strict):
    nearest: Annotated[int, Field(ge=0)]
    """Index into the candidates."""


class NearestSample(_Asked):
    """The request's first row is a query, the others are `candidates`; the answer is the candidate whose
    vector is nearest to the query's by cosine."""

    show: Literal["nearest"]
    candidates: Annotated[list[str], Field(min_length=1)]
    expect: ExpectedCandidate | None = None

    @model_validator(mode="after")
    def _expects_a_candidate(self) -> NearestSample:
        if self.expect is not None and self.expect.nearest >= len(self.candidates):
            raise ValueError(f"expect.nearest is {self.expect.nearest}, of {len(self.candidates)} candidates")
        return self


class ExpectedShape(_Strict):
    shape: list[int]


class TensorSample(_Asked):
    """The answer is the first output's name, shape and first values."""

    show: Literal["tensor"]
    expect: ExpectedShape | None = None


Sample = Annotated[ClassSample | NearestSample | TensorSample, Field(discriminator="show")]

_SAMPLE: TypeAdapter[ClassSample | NearestSample | TensorSample] = TypeAdapter(Sample)

_SHOWS = [str(*get_args(one.model_fields["show"].annotation)) for one in (ClassSample, NearestSample, TensorSample)]


def read_sample(model: Path) -> ClassSample | NearestSample | TensorSample | None:
    """The sample of the model in directory `model`, or None where it has none. Raises CannotServeError for
    one that cannot be read or sent, naming each field."""
    path = model / SAMPLE_FILE
    if not path.is_file():
        return None
    try:
        sample = _SAMPLE.validate_json(path.read_bytes())
        wrong = list(_unknown_inputs(model, sample))
    except ValidationError as error:
        wrong = [_told(one) for one in error.errors()]
    else:
        if not wrong:
            return sample
    raise CannotServeError(
        f"{path.parent.name}/{path.name} is not a sample: {'; '.join(wrong)}. docs/samples.md shows one."
    )


def _told(error: ErrorDetails) -> str:
    kinds = ", ".join(map(repr, _SHOWS))
    context = error.get("ctx", {})
    match error["type"]:
        case "union_tag_not_found":
            return f"it says no `show`, which is one of {kinds}"
        case "union_tag_invalid":
            return f"show: {context['tag']!r} is none of {kinds}"
        case "json_invalid":
            return f"it is no JSON: {context['error']}"
        case _:
            what = str(context["error"]) if error["type"] == "value_error" else error["msg"]
            at = ".".join(map(str, error["loc"][1:]))  # the first is pydantic's own: which of the kinds it is
            return f"{at}: {what}" if at else what


def _unknown_inputs(model: Path, sample: ClassSample | NearestSample | TensorSample) -> Iterator[str]:
    """Of a model whose config says what its inputs are. Where it says none, or code may add some, Triton knows."""
    try:
        config = parse_config((model / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ConfigSyntaxError):
        return  # who serves it says so
    known = [tensor.name for tensor in config.input]
    if not known or config.backend == "python":
        return
    for index, tensor in enumerate(sample.request.inputs):
        if tensor.name not in known:
            yield (
                f"request.inputs.{index}.name: the model has no input {tensor.name!r}."
                f" {did_you_mean(tensor.name, known)}It has {listed(known)}"
            )
