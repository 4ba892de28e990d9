"""BERT's forward pass in plain numpy and double precision, written from the paper (arXiv 1810.04805) and not from
the graph, so that the two can disagree."""

from __future__ import annotations

from collections.abc import Mapping
from math import erf

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

HEADS = 12

_erf = np.vectorize(erf, otypes=[np.float64])


class Bert:
    """`rows` are lists of real token ids, without padding; one text at a time, so that no mask is needed."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weights = {name: value.astype(np.float64) for name, value in weights.items()}
        self._layers = len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})

    def token_embeddings(self, ids: list[int]) -> Doubles:
        """[tokens, 384]."""
        table = self._weights
        hidden = (
            table["embeddings.word_embeddings.weight"][ids]
            + table["embeddings.position_embeddings.weight"][: len(ids)]
            + table["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._normalised(hidden, "embeddings.LayerNorm")
        for number in range(self._layers):
            hidden = self._layer(hidden, f"encoder.layer.{number}")
        return hidden

    def embedding(self, ids: list[int]) -> Doubles:
        """[384], of length 1."""
        mean = self.token_embeddings(ids).mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _layer(self, hidden: Doubles, layer: str) -> Doubles:
        query, key, value = (
            np.stack(np.split(self._linear(hidden, f"{layer}.attention.self.{part}"), HEADS, axis=1))
            for part in ("query", "key", "value")
        )
        alike = np.einsum("hqd,hkd->hqk", query, key) / np.sqrt(query.shape[2])
        shares = np.exp(alike - alike.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        context = np.concatenate(list(np.einsum("hqk,hkd->hqd", shares, value)), axis=1)
        attended = self._linear(context, f"{layer}.attention.output.dense") + hidden
        attended = self._normalised(attended, f"{layer}.attention.output.LayerNorm")
        wide = self._linear(attended, f"{layer}.intermediate.dense")
        wide = wide * (1 + _erf(wide / np.sqrt(2))) / 2
        narrow = self._linear(wide, f"{layer}.output.dense") + attended
        return self._normalised(narrow, f"{layer}.output.LayerNorm")

    def _linear(self, inputs: Doubles, name: str) -> Doubles:
        return inputs @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normalised(self, inputs: Doubles, name: str) -> Doubles:
        centred = inputs - inputs.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
