"""Trains the handwritten-digit classifier and writes `digits/1/model.onnx`.

Deterministic: one seed decides the split, the first weights, the order and the shifts. On another processor
the last bits of a float sum may differ, and with them the trained bytes; the accuracy does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper
from sklearn.datasets import load_digits  # pyright: ignore[reportMissingTypeStubs]

from model_sources import graph
from model_sources.convolution import CLASSES, SIDE, Adam, Floats, Parameters, gradients, initial
from model_sources.files import REPOSITORY

TARGET = REPOSITORY / "digits" / "1" / "model.onnx"

SEED = 20261121
HELD_OUT = 360
"""Images, about a fifth of the 1,797; never seen in training."""
EPOCHS = 30
BATCH = 64
RATE = 2e-3
"""Adam's step at the start; it falls to 0 along half a cosine."""
WHITE = 16
"""The largest pixel value in the data set (scikit-learn's description of `load_digits`)."""


@dataclass(frozen=True, slots=True)
class Images:
    """float32 [n, 1, 8, 8] with pixels 0 to 16, and the digit that each shows."""

    pixels: Floats
    labels: NDArray[np.int64]


def split() -> tuple[Images, Images]:
    """What is trained on and what is held out, the same on every run."""
    # scikit-learn carries no types: a Bunch is a dict of arrays.
    data = cast("dict[str, object]", load_digits())
    pixels = np.asarray(data["data"], np.float32).reshape(-1, 1, SIDE, SIDE)
    labels = np.asarray(data["target"], np.int64)
    order = np.random.default_rng(SEED).permutation(len(labels))
    held_out, train = order[:HELD_OUT], order[HELD_OUT:]
    return Images(pixels[train], labels[train]), Images(pixels[held_out], labels[held_out])


def shifted(pixels: Floats, random: np.random.Generator) -> Floats:
    """Every image moved by -1, 0 or 1 pixel along each axis, with black coming in at the edge."""
    padded = np.pad(pixels, ((0, 0), (0, 0), (1, 1), (1, 1)))
    down, right = random.integers(0, 3, (2, len(pixels)))
    rows = down[:, None, None] + np.arange(SIDE)[None, :, None]
    columns = right[:, None, None] + np.arange(SIDE)[None, None, :]
    return padded[np.arange(len(pixels))[:, None, None], 0, rows, columns][:, None]


def train(images: Images, epochs: int = EPOCHS) -> Parameters:
    """Weights for pixels scaled to 0 to 1."""
    random = np.random.default_rng(SEED)
    weights = initial(random)
    optimiser = Adam(weights)
    steps = -(-len(images.labels) // BATCH) * epochs
    done = 0
    for _ in range(epochs):
        order = random.permutation(len(images.labels))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            pixels = shifted(images.pixels[chosen], random) / np.float32(WHITE)
            _, slopes = gradients(pixels, images.labels[chosen], weights)
            optimiser.step(slopes, RATE * 0.5 * (1 + float(np.cos(np.pi * done / steps))))
            done += 1
    return weights


def exported(weights: Parameters) -> ModelProto:
    """`image` [batch, 1, 8, 8] with pixels 0 to 16 in, `scores` [batch, 10] (probabilities) out."""

    def convolution(name: str, into: str, out: str) -> list[NodeProto]:
        inputs = [into, f"{name}.weight", f"{name}.bias"]
        return [
            helper.make_node("Conv", inputs, [f"{name}.sums"], name=name, pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"{name}.sums"], [out], name=f"{name}.relu"),
        ]

    def dense(name: str, into: str, out: str) -> NodeProto:
        return helper.make_node("Gemm", [into, f"{name}.weight", f"{name}.bias"], [out], name=name, transB=1)

    nodes = [
        helper.make_node("Div", ["image", "white"], ["scaled"], name="scale"),
        *convolution("conv1", "scaled", "features1"),
        *convolution("conv2", "features1", "features2"),
        helper.make_node("MaxPool", ["features2"], ["pooled"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten", axis=1),
        dense("dense1", "flat", "hidden.sums"),
        helper.make_node("Relu", ["hidden.sums"], ["hidden"], name="dense1.relu"),
        dense("dense2", "hidden", "logits"),
        helper.make_node("Softmax", ["logits"], ["scores"], name="softmax", axis=1),
    ]
    return graph.model(
        "digits",
        nodes,
        [graph.floats("image", "batch", 1, SIDE, SIDE)],
        [graph.floats("scores", "batch", CLASSES)],
        {"white": np.full(1, WHITE, np.float32), **weights},
    )


if __name__ == "__main__":
    from model_sources.runtime import Runtime, accuracy

    seen, unseen = split()
    made = exported(train(seen))
    graph.write(made, TARGET)
    print(f"digits: {accuracy(Runtime(made), 'image', unseen.pixels, unseen.labels)} on held-out images")
