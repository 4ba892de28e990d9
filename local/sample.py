"""`sample.json` beside a model: one request that shows what the model does. The format is in docs/samples.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from local.errors import CannotServeError

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


def read_sample(model: Path) -> ClassSample | NearestSample | TensorSample | None:
    """The sample of the model in directory `model`, or None where it has none. Raises CannotServeError for
    one that cannot be read, naming each field."""
    path = model / SAMPLE_FILE
    if not path.is_file():
        return None
    try:
        return _SAMPLE.validate_json(path.read_bytes())
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise CannotServeError(f"{path.parent.name}/{path.name} is not a sample: {wrong}.") from None
