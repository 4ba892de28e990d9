"""Graphs run by ONNX Runtime, as a server would run them, and how often a classifier is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray
from onnx import ModelProto


class Runtime:
    """One graph, loaded once."""

    def __init__(self, made: ModelProto | bytes) -> None:
        content = made if isinstance(made, bytes) else made.SerializeToString()
        self._session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
        """The first output."""
        # onnxruntime carries no types; what comes back is a list of arrays.
        found = cast(
            "list[object]",
            self._session.run(None, dict(inputs)),  # pyright: ignore[reportUnknownMemberType]
        )
        return np.asarray(found[0], np.float32)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """`right` answers out of `asked`."""

    right: int
    asked: int

    def __str__(self) -> str:
        return f"{self.right} of {self.asked} right ({self.right / self.asked:.1%})"


def accuracy(classifier: Runtime, name: str, examples: NDArray[np.float32], labels: NDArray[np.int64]) -> Accuracy:
    """The share of `examples`, given as the input `name`, whose highest score is at its label."""
    best = classifier.run({name: examples}).argmax(axis=1)
    return Accuracy(right=int((best == labels).sum()), asked=len(labels))
