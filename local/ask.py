"""Asking a running Triton: one real request to a model, through NVIDIA's own client, its answer in words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from local.client import Array, InferInput, Wire, client_library, numpy_type, server_exception
from local.ports import LOOPBACK, Ports
from local.sample import ClassSample, NearestSample, OutputTensor, Sample, TensorSample, array_of

FIRST_VALUES = 4
"""How many values of a tensor are printed."""

TIMEOUT_S = 60
"""How long an answer may take on a machine whose few cores all models share."""

_OPTIONS: Mapping[Wire, Mapping[str, object]] = {
    Wire.HTTP: {"network_timeout": float(TIMEOUT_S)},
    # The client's own defaults are replaced as a whole. A proxy of the user's is no way to this machine.
    Wire.GRPC: {
        "channel_args": [
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.enable_http_proxy", 0),
        ]
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model was asked and what it answered. `fault` says what is wrong with it, if anything is."""

    model: str
    asked: str
    answered: str
    milliseconds: float
    fault: str | None = None


class Asker:
    """A client of one server. Close it, or use it as a context."""

    def __init__(self, ports: Ports, wire: Wire = Wire.HTTP) -> None:
        self._wire = wire
        self._library = client_library(wire)
        self._client = self._library.InferenceServerClient(f"{LOOPBACK}:{dict(ports)[wire]}", **_OPTIONS[wire])

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def ask(self, model: str, sample: Sample | None) -> Answer:
        """Send `sample`'s request to `model`; without a sample, zeros of the shape that the model declares."""
        asked = sample.caption if sample else "zeros, for it has no sample.json"
        started = time.perf_counter()
        try:
            if sample is None:
                answered, fault = _tensors(self._infer(model, self._zeros(model), [])), None
            else:
                given = [array_of(tensor) for tensor in sample.request.inputs]
                answered, fault = read_answer(self._infer(model, given, self._wanted(model, sample)), sample)
        except (server_exception(), OSError) as error:
            answered, fault = "an error", str(error)
        took_ms = (time.perf_counter() - started) * 1e3
        return Answer(model=model, asked=asked, answered=answered, milliseconds=took_ms, fault=fault)

    def _wanted(self, model: str, sample: Sample) -> list[OutputTensor]:
        """The outputs that the sample names, or all; of a class, as the classification extension gives it."""
        wanted = sample.request.outputs
        if sample.show != "class":
            return wanted
        wanted = wanted or [OutputTensor(name=str(self._metadata(model)["outputs"][0]["name"]))]
        return [o.model_copy(update={"parameters": {"classification": 1} | o.parameters}) for o in wanted]

    def _infer(
        self, model: str, inputs: Sequence[tuple[str, str, Array]], wanted: Sequence[OutputTensor]
    ) -> Mapping[str, Array]:
        given: list[InferInput] = []
        for name, datatype, array in inputs:
            tensor = self._library.InferInput(name, list(array.shape), datatype)
            tensor.set_data_from_numpy(array)
            given.append(tensor)
        outputs = [
            self._library.InferRequestedOutput(o.name, class_count=int(str(o.parameters.get("classification", 0))))
            for o in wanted
        ]
        timeout = {"client_timeout": float(TIMEOUT_S)} if self._wire is Wire.GRPC else {}
        result = self._client.infer(model, given, outputs=outputs or None, **timeout)
        names = [o.name for o in wanted] or [str(o["name"]) for o in self._metadata(model)["outputs"]]
        return {name: array for name in names if (array := result.as_numpy(name)) is not None}

    def _metadata(self, model: str) -> Mapping[str, Sequence[Mapping[str, object]]]:
        as_json = {"as_json": True} if self._wire is Wire.GRPC else {}
        return self._client.get_model_metadata(model, **as_json)

    def _zeros(self, model: str) -> list[tuple[str, str, Array]]:
        zeros: list[tuple[str, str, Array]] = []
        for tensor in self._metadata(model)["inputs"]:
            datatype = str(tensor["datatype"])
            shape = [max(1, int(dim)) for dim in cast("Sequence[str | int]", tensor["shape"])]
            filler: object = b"" if datatype == "BYTES" else 0
            zeros.append((str(tensor["name"]), datatype, np.full(shape, filler, numpy_type(datatype))))
        return zeros


def read_answer(outputs: Mapping[str, Array], sample: Sample) -> tuple[str, str | None]:
    """The answer in words, and what is wrong with it by the sample's own expectation."""
    name, first = next(iter(outputs.items()))
    match sample:
        case ClassSample(expect=expect):
            label, score = _class(first)
            return f"{label} (score {score:.3g})", _fault("label", label, expect and expect.label)
        case NearestSample(candidates=candidates, expect=expect):
            if len(first) != 1 + len(candidates):
                return "no vector for each candidate", f"{name} has {len(first)} rows, not {1 + len(candidates)}"
            nearest, cosine = _nearest(first)
            wanted = expect and candidates[expect.nearest]
            return f"{candidates[nearest]!r} (cosine {cosine:.3f})", _fault("nearest", candidates[nearest], wanted)
        case TensorSample(expect=expect):
            return _tensors(outputs), _fault(f"shape of {name}", list(first.shape), expect and expect.shape)


def _class(scores: Array) -> tuple[str, float]:
    """Triton's classification extension answers `score:index`, with a labels file `score:index:label`."""
    score, *named = str(scores.reshape(-1)[0].decode()).split(":", 2)
    return named[-1], float(score)


def _nearest(vectors: Array) -> tuple[int, float]:
    """The index, after the first row, of the row that points most nearly where the first one does."""
    rows = vectors.reshape(len(vectors), -1).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows[1:] @ rows[0]
    nearest = int(np.argmax(cosines))
    return nearest, float(cosines[nearest])


def _fault(what: str, found: object, wanted: object) -> str | None:
    return None if wanted is None or wanted == found else f"{what} is {found!r}, expected {wanted!r}"


def _tensors(outputs: Mapping[str, Array]) -> str:
    return "; ".join(f"{name} {list(array.shape)}: {_first(array)}" for name, array in outputs.items())


def _first(array: Array) -> str:
    values = array.reshape(-1)
    texts = [_text(value) for value in values[:FIRST_VALUES]]
    return ", ".join(texts) + (", …" if len(values) > FIRST_VALUES else "")


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)
