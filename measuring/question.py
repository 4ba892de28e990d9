"""What is asked, and how an answer is judged: the sample beside a model, built once and sent many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.ask import read_answer
from local.client import Array
from local.errors import CannotServeError
from local.sample import SAMPLE_FILE, OutputTensor, Sample, array_of, read_sample


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input, ready to be sent. `datatype` is the KServe v2 protocol's name."""

    name: str
    datatype: str
    values: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An output that is asked for. `classes` above 0 asks for that many by Triton's classification extension."""

    name: str
    classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A model's sample request. Of a class sample that names no output, `wanted` is empty until the model's own
    metadata names it (`naming`)."""

    model: str
    inputs: tuple[Tensor, ...]
    wanted: tuple[Wanted, ...]
    sample: Sample

    @property
    def needs_output_name(self) -> bool:
        return self.sample.show == "class" and not self.wanted

    def naming(self, output: str) -> Question:
        """The same question, with `output` as the class sample's output."""
        return Question(model=self.model, inputs=self.inputs, wanted=(_wanted(output, 1),), sample=self.sample)

    def fault(self, answer: Mapping[str, Array]) -> str | None:
        """What is wrong with an answer by the sample's own expectation; None where nothing is, or none is stated."""
        if not answer:
            return "the answer has no outputs"
        return read_answer(answer, self.sample)[1]


def read_question(model: Path) -> Question:
    """The sample of the model in directory `model`. Raises CannotServeError where it has none that can be sent."""
    sample = read_sample(model)
    if sample is None:
        raise CannotServeError(
            f"{model.name} has no {SAMPLE_FILE}, so there is nothing to ask it: write one (docs/samples.md)."
        )
    classes = 1 if sample.show == "class" else 0
    return Question(
        model=model.name,
        inputs=tuple(Tensor(*array_of(tensor)) for tensor in sample.request.inputs),
        wanted=_all_wanted(sample.request.outputs, classes),
        sample=sample,
    )


def _all_wanted(outputs: Sequence[OutputTensor], classes: int) -> tuple[Wanted, ...]:
    return tuple(_wanted(o.name, int(str(o.parameters.get("classification", classes)))) for o in outputs)


def _wanted(name: str, classes: int) -> Wanted:
    return Wanted(name=name, classes=classes)
