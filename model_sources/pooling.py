"""Writes `text_pooling/1/model.onnx`: token vectors to one sentence vector of length 1.

The mean over real tokens, then division by the Euclidean norm: the package's 1_Pooling/config.json
(`pooling_mode_mean_tokens`) and modules.json (Normalize), with the same least divisors as its README.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, helper

from model_sources import graph
from model_sources.bert import HIDDEN
from model_sources.files import REPOSITORY

TARGET = REPOSITORY / "text_pooling" / "1" / "model.onnx"

LEAST_TOKENS = 1e-9
LEAST_NORM = 1e-12
"""Divisors are at least these, so that a row without tokens gives zeros instead of NaN. Sources: the package's
README (`clamp(min=1e-9)`) and PyTorch's `normalize` (eps)."""


def pooling() -> ModelProto:
    """`token_embeddings` [batch, sequence, 384] and `attention_mask` in, `embedding` [batch, 384] out."""
    node = helper.make_node
    nodes = [
        node("Cast", ["attention_mask"], ["real"], name="mask.cast", to=1),
        node("Unsqueeze", ["real", "axis.last"], ["apart"], name="mask.unsqueeze"),
        node("Mul", ["token_embeddings", "apart"], ["kept"], name="keep"),
        node("ReduceSum", ["kept", "axis.sequence"], ["sums"], name="sum", keepdims=0),
        node("ReduceSum", ["real", "axis.sequence"], ["counts"], name="count", keepdims=1),
        node("Max", ["counts", "least.tokens"], ["divisors"], name="count.least"),
        node("Div", ["sums", "divisors"], ["mean"], name="mean"),
        node("ReduceL2", ["mean"], ["norm"], name="norm", axes=[1], keepdims=1),
        node("Max", ["norm", "least.norm"], ["length"], name="norm.least"),
        node("Div", ["mean", "length"], ["embedding"], name="normalise"),
    ]
    return graph.model(
        "text_pooling",
        nodes,
        [
            graph.floats("token_embeddings", "batch", "sequence", HIDDEN),
            graph.integers("attention_mask", "batch", "sequence"),
        ],
        [graph.floats("embedding", "batch", HIDDEN)],
        {
            "axis.sequence": np.array([1], np.int64),
            "axis.last": np.array([2], np.int64),
            "least.tokens": np.full(1, LEAST_TOKENS, np.float32),
            "least.norm": np.full(1, LEAST_NORM, np.float32),
        },
    )


if __name__ == "__main__":
    graph.write(pooling(), TARGET)
    print("text_pooling: written")
