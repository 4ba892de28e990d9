"""A small convolutional classifier in plain numpy: forward, gradients, Adam. It trains in seconds on a CPU.

Images are float32 [batch, 1, 8, 8]. Two 3x3 convolutions, a 2x2 maximum and two dense layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Parameters = dict[str, Floats]

SIDE = 8
"""Pixels: images are square."""
CLASSES = 10
CHANNELS = (16, 32)
"""Feature maps after the first and the second convolution."""
HIDDEN = 64
KERNEL = 3


def initial(random: np.random.Generator) -> Parameters:
    """He's initialisation (variance 2 / inputs), for layers that a ReLU follows; biases 0."""

    def drawn(*shape: int) -> Floats:
        inputs = float(np.prod(shape[1:]))
        return (random.standard_normal(shape) * np.sqrt(2 / inputs)).astype(np.float32)

    first, second = CHANNELS
    flat = second * (SIDE // 2) ** 2
    return {
        "conv1.weight": drawn(first, 1, KERNEL, KERNEL),
        "conv1.bias": np.zeros(first, np.float32),
        "conv2.weight": drawn(second, first, KERNEL, KERNEL),
        "conv2.bias": np.zeros(second, np.float32),
        "dense1.weight": drawn(HIDDEN, flat),
        "dense1.bias": np.zeros(HIDDEN, np.float32),
        "dense2.weight": drawn(CLASSES, HIDDEN),
        "dense2.bias": np.zeros(CLASSES, np.float32),
    }


def _columns(features: Floats) -> Floats:
    """Every 3x3 neighbourhood (zeros outside) as a row: [batch * side * side, channels * 9]."""
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))
    return np.ascontiguousarray(windows).reshape(-1, features.shape[3] * KERNEL**2)


def _spread(columns: Floats, channels: int) -> Floats:
    """The transpose of `_columns`: every pixel gets the sum of what its neighbourhoods hold for it."""
    parts = columns.reshape(-1, SIDE, SIDE, channels, KERNEL, KERNEL)
    padded = np.zeros((len(parts), SIDE + 2, SIDE + 2, channels), np.float32)
    for row in range(KERNEL):
        for column in range(KERNEL):
            padded[:, row : row + SIDE, column : column + SIDE] += parts[..., row, column]
    return padded[:, 1:-1, 1:-1]


def _convolved(columns: Floats, weight: Floats, bias: Floats) -> Floats:
    sums = columns @ weight.reshape(len(weight), -1).T + bias
    return np.maximum(sums, 0).reshape(-1, SIDE, SIDE, len(weight))


@dataclass(frozen=True, slots=True)
class _Pass:
    """What the backward pass needs of a forward pass; features are past their ReLU, [batch, row, column,
    channel]."""

    columns1: Floats
    columns2: Floats
    features1: Floats
    features2: Floats
    largest: NDArray[np.intp]
    flat: Floats
    hidden: Floats
    logits: Floats


def _blocks(features: Floats) -> Floats:
    """2x2 blocks, one after another: [batch, channels, side / 2, side / 2, 4]."""
    half, channels = SIDE // 2, features.shape[3]
    split = features.reshape(-1, half, 2, half, 2, channels)
    return split.transpose(0, 5, 1, 3, 2, 4).reshape(-1, channels, half, half, 4)


def _unblocks(blocks: Floats) -> Floats:
    channels, half = blocks.shape[1:3]
    split = blocks.reshape(-1, channels, half, half, 2, 2).transpose(0, 2, 4, 3, 5, 1)
    return split.reshape(-1, SIDE, SIDE, channels)


def _forward(images: Floats, weights: Parameters) -> _Pass:
    columns1 = _columns(images.reshape(-1, SIDE, SIDE, 1))
    features1 = _convolved(columns1, weights["conv1.weight"], weights["conv1.bias"])
    columns2 = _columns(features1)
    features2 = _convolved(columns2, weights["conv2.weight"], weights["conv2.bias"])
    blocks = _blocks(features2)
    flat = blocks.max(-1).reshape(len(images), -1)
    hidden = np.maximum(flat @ weights["dense1.weight"].T + weights["dense1.bias"], 0)
    logits = hidden @ weights["dense2.weight"].T + weights["dense2.bias"]
    return _Pass(columns1, columns2, features1, features2, blocks.argmax(-1), flat, hidden, logits)


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def probabilities(images: Floats, weights: Parameters) -> Floats:
    """[batch, 10], each row summing to 1."""
    return softmax(_forward(images, weights).logits)


def gradients(images: Floats, labels: NDArray[np.int64], weights: Parameters) -> tuple[float, Parameters]:
    """The batch's mean cross-entropy in nats, and its slope by every parameter."""
    made = _forward(images, weights)
    chances = softmax(made.logits)
    loss = -float(np.log(chances[np.arange(len(labels)), labels] + 1e-12).mean())
    slope = chances
    slope[np.arange(len(labels)), labels] -= 1
    slope /= len(labels)
    found = _gradients("dense2", slope, made.hidden)
    slope = (slope @ weights["dense2.weight"]) * (made.hidden > 0)
    found |= _gradients("dense1", slope, made.flat)
    slope = slope @ weights["dense1.weight"]
    blocks = np.zeros((*made.largest.shape, 4), np.float32)
    np.put_along_axis(blocks, made.largest[..., None], slope.reshape(*made.largest.shape, 1), axis=-1)
    sums = (_unblocks(blocks) * (made.features2 > 0)).reshape(-1, CHANNELS[1])
    found |= _gradients("conv2", sums, made.columns2)
    columns = sums @ weights["conv2.weight"].reshape(CHANNELS[1], -1)
    sums = (_spread(columns, CHANNELS[0]) * (made.features1 > 0)).reshape(-1, CHANNELS[0])
    found |= _gradients("conv1", sums, made.columns1)
    return loss, {name: found[name].reshape(value.shape) for name, value in weights.items()}


def _gradients(layer: str, sums: Floats, inputs: Floats) -> Parameters:
    weight, bias = sums.T @ inputs, sums.sum(0)
    return {f"{layer}.weight": np.asarray(weight, np.float32), f"{layer}.bias": np.asarray(bias, np.float32)}


class Adam:
    """Kingma and Ba's optimiser (arXiv 1412.6980) with their own constants, changing `weights` in place."""

    def __init__(self, weights: Parameters) -> None:
        self._weights = weights
        self._mean = {name: np.zeros_like(value) for name, value in weights.items()}
        self._square = {name: np.zeros_like(value) for name, value in weights.items()}
        self._steps = 0

    def step(self, slopes: Parameters, rate: float) -> None:
        self._steps += 1
        for name, slope in slopes.items():
            self._mean[name] += 0.1 * (slope - self._mean[name])
            self._square[name] += 0.001 * (slope**2 - self._square[name])
            mean = self._mean[name] / np.float32(1 - 0.9**self._steps)
            square = self._square[name] / np.float32(1 - 0.999**self._steps)
            self._weights[name] -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-8))
