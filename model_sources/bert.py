"""BERT's encoder as an ONNX graph, assembled from its weights by name.

Shapes and operators follow the published configuration of all-MiniLM-L6-v2 (config.json in the package) and
the architecture of Devlin et al. (arXiv 1810.04805): embeddings, then layers of self-attention and a feed-
forward block, each added to its input and normalised. The pooler is left out, because sentence vectors are
means over tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper

from model_sources import graph

Weights = Mapping[str, NDArray[np.float32]]

HIDDEN = 384
LAYERS = 6
HEADS = 12
EPSILON = 1e-12
"""config.json: hidden_size, num_hidden_layers, num_attention_heads, layer_norm_eps."""

MASKED = -10000.0
"""Added to the attention score of a padding token (the original BERT's own figure): its weight underflows to
0 in FP32, and unlike the smallest float the sum still fits FP16."""

QUERY, KEY, VALUE = "attention.self.query", "attention.self.key", "attention.self.value"


class _Assembly:
    """Nodes and initialisers in the order in which they are added; names come from the weights."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {}

    # onnx types attributes as Any: each operator has its own.
    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        self.initializers[name] = value
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self._weights[name])

    def linear(self, into: str, layer: str) -> str:
        # PyTorch keeps [outputs, inputs]; MatMul wants the other way round.
        matrix = self.constant(f"{layer}.weight", self._weights[f"{layer}.weight"].T)
        product = self.node("MatMul", [into, matrix], f"{layer}.product")
        return self.node("Add", [product, self.weight(f"{layer}.bias")], f"{layer}.sum")

    def normalised(self, into: str, layer: str, output: str) -> str:
        inputs = [into, self.weight(f"{layer}.weight"), self.weight(f"{layer}.bias")]
        return self.node("LayerNormalization", inputs, output, axis=-1, epsilon=EPSILON)


def encoder(weights: Weights) -> ModelProto:
    """Token ids in, `token_embeddings` [batch, sequence, 384] out, for any batch and up to 512 tokens.

    `weights` are named and shaped as in the published safetensors file; `KeyError` names a missing one.
    """
    made = _Assembly(weights)
    made.constant("one", np.ones(1, np.float32))
    made.constant("zero", np.zeros(1, np.int64))
    made.constant("axis.sequence", np.ones(1, np.int64))
    made.constant("axes.heads", np.array([1, 2], np.int64))
    made.constant("masked", np.full(1, MASKED, np.float32))
    made.constant("scale", np.full(1, 1 / np.sqrt(HIDDEN // HEADS), np.float32))
    made.constant("shape.split", np.array([0, 0, HEADS, HIDDEN // HEADS], np.int64))
    made.constant("shape.joined", np.array([0, 0, HIDDEN], np.int64))
    made.constant("half", np.full(1, 0.5, np.float32))
    made.constant("root2", np.full(1, np.sqrt(2), np.float32))
    mask = _mask(made)
    hidden = _embeddings(made)
    for number in range(LAYERS):
        output = "token_embeddings" if number == LAYERS - 1 else f"layer.{number}"
        hidden = _layer(made, f"encoder.layer.{number}", hidden, mask, output)
    return graph.model(
        "text_encoder",
        made.nodes,
        [graph.integers(name, "batch", "sequence") for name in ("input_ids", "attention_mask", "token_type_ids")],
        [graph.floats("token_embeddings", "batch", "sequence", HIDDEN)],
        made.initializers,
    )


def _mask(made: _Assembly) -> str:
    """0 for real tokens and `MASKED` for padding, [batch, 1, 1, sequence]."""
    apart = made.node("Unsqueeze", ["attention_mask", "axes.heads"], "mask.apart")
    real = made.node("Cast", [apart], "mask.real", to=1)
    padding = made.node("Sub", ["one", real], "mask.padding")
    return made.node("Mul", [padding, "masked"], "mask.added")


def _embeddings(made: _Assembly) -> str:
    words = made.node("Gather", [made.weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
    segments = made.node(
        "Gather", [made.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"], "segments"
    )
    shape = made.node("Shape", ["input_ids"], "ids.shape")
    length = made.node("Gather", [shape, "axis.sequence"], "ids.length", axis=0)
    table = made.weight("embeddings.position_embeddings.weight")
    positions = made.node("Slice", [table, "zero", length, "zero"], "positions")
    placed = made.node("Add", [made.node("Add", [words, segments], "words.segments"), positions], "placed")
    return made.normalised(placed, "embeddings.LayerNorm", "embedded")


def _layer(made: _Assembly, layer: str, hidden: str, mask: str, output: str) -> str:
    attended = made.linear(_attention(made, layer, hidden, mask), f"{layer}.attention.output.dense")
    added = made.node("Add", [attended, hidden], f"{layer}.attention.added")
    middle = made.normalised(added, f"{layer}.attention.output.LayerNorm", f"{layer}.attention.normalised")
    wide = _gelu(made, made.linear(middle, f"{layer}.intermediate.dense"), f"{layer}.intermediate")
    narrow = made.linear(wide, f"{layer}.output.dense")
    added = made.node("Add", [narrow, middle], f"{layer}.output.added")
    return made.normalised(added, f"{layer}.output.LayerNorm", output)


def _attention(made: _Assembly, layer: str, hidden: str, mask: str) -> str:
    def heads(part: str, order: list[int]) -> str:
        row = made.linear(hidden, f"{layer}.{part}")
        split = made.node("Reshape", [row, "shape.split"], f"{layer}.{part}.split")
        return made.node("Transpose", [split], f"{layer}.{part}.heads", perm=order)

    def name(step: str) -> str:
        return f"{layer}.attention.{step}"

    query, value = heads(QUERY, [0, 2, 1, 3]), heads(VALUE, [0, 2, 1, 3])
    key = heads(KEY, [0, 2, 3, 1])
    alike = made.node("MatMul", [query, key], name("alike"))
    scaled = made.node("Mul", [alike, "scale"], name("scaled"))
    allowed = made.node("Add", [scaled, mask], name("allowed"))
    shares = made.node("Softmax", [allowed], name("shares"), axis=-1)
    mixed = made.node("MatMul", [shares, value], name("mixed"))
    joined = made.node("Transpose", [mixed], name("joined"), perm=[0, 2, 1, 3])
    return made.node("Reshape", [joined, "shape.joined"], name("context"))


def _gelu(made: _Assembly, into: str, name: str) -> str:
    """The exact form with erf ("gelu" in config.json); opset 17 has no operator for it."""
    scaled = made.node("Div", [into, "root2"], f"{name}.scaled")
    raised = made.node("Add", [made.node("Erf", [scaled], f"{name}.erf"), "one"], f"{name}.raised")
    return made.node("Mul", [made.node("Mul", [into, raised], f"{name}.weighted"), "half"], f"{name}.gelu")
