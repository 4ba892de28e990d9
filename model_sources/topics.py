"""Trains the topic classifier on sentence vectors and writes `topic_head/1/model.onnx` and its labels.

The sentences in topics.tsv were written for this project; `held_out` ones are never trained on. The loss is
convex and is followed to its minimum, so that the result does not hang on a seed or on the order.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper

from model_sources import graph
from model_sources.bert import HIDDEN
from model_sources.files import REPOSITORY, write_atomically

SENTENCES = Path(__file__).with_name("topics.tsv")
TARGET = REPOSITORY / "topic_head" / "1" / "model.onnx"
LABELS = REPOSITORY / "topic_head" / "labels.txt"
"""Here only: an ensemble's output takes the labels of the step that makes it."""

TOPICS = ("computing", "cooking", "finance", "sport", "weather")

PENALTY = 2e-3
"""On half the squared weights. Without it separable classes would drive them to infinity."""
STEPS = 10_000
RATE = 1.0
"""Of plain gradient descent. The loss curves by at most half an input's squared length (Böhning 1992, on the
multinomial likelihood) plus the penalty; that length is 2 here (a vector of length 1 and the bias's 1), and any
rate below 2 over the curvature converges."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Sentences, and for each its topic's place in `TOPICS`."""

    sentences: Sequence[str]
    topics: NDArray[np.int64]


def read(split: str) -> Labelled:
    """The sentences of `train` or of `held_out`."""
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["split"] == split]
    places = np.array([TOPICS.index(row["topic"]) for row in rows], np.int64)
    return Labelled([row["sentence"] for row in rows], places)


def train(vectors: NDArray[np.float32], topics: NDArray[np.int64]) -> tuple[NDArray[np.float32], ...]:
    """Weights [topics, 384] and biases [topics] of a softmax regression."""
    inputs = np.hstack([vectors, np.ones((len(vectors), 1))]).astype(np.float64)
    wanted = np.eye(len(TOPICS))[topics]
    weights = np.zeros((len(TOPICS), HIDDEN + 1))
    # The bias is not held small: it only says how common a topic is.
    held = np.append(np.ones(HIDDEN), 0.0)
    for _ in range(STEPS):
        logits = inputs @ weights.T
        chances = np.exp(logits - logits.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        slope = (chances - wanted).T @ inputs / len(inputs) + PENALTY * held * weights
        weights -= RATE * slope
    return weights[:, :HIDDEN].astype(np.float32), weights[:, HIDDEN].astype(np.float32)


def exported(weights: NDArray[np.float32], biases: NDArray[np.float32]) -> ModelProto:
    """`embedding` [batch, 384] in, `scores` [batch, topics] (probabilities) out."""
    return graph.model(
        "topic_head",
        [
            helper.make_node(
                "Gemm", ["embedding", "topics.weight", "topics.bias"], ["logits"], name="topics", transB=1
            ),
            helper.make_node("Softmax", ["logits"], ["scores"], name="softmax", axis=1),
        ],
        [graph.floats("embedding", "batch", HIDDEN)],
        [graph.floats("scores", "batch", len(TOPICS))],
        {"topics.weight": weights, "topics.bias": biases},
    )


if __name__ == "__main__":
    from model_sources.runtime import Runtime, accuracy
    from model_sources.sentences import embeddings

    seen, unseen = read("train"), read("held_out")
    made = exported(*train(embeddings(seen.sentences), seen.topics))
    graph.write(made, TARGET)
    write_atomically(LABELS, "".join(f"{topic}\n" for topic in TOPICS).encode())
    found = accuracy(Runtime(made), "embedding", embeddings(unseen.sentences), unseen.topics)
    print(f"topic_head: {found} on held-out sentences")
