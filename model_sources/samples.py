"""Writes every model's `sample.json`: one real request and what its answer should show (docs/samples.md).

Pictures and vectors come from held-out data and from the models themselves, so that a sample is never a
made-up input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from model_sources.digits import split
from model_sources.files import REPOSITORY, write_atomically
from model_sources.sentences import PADDED_TO, embeddings, token_embeddings, tokenizer

Json = Mapping[str, object]

DIGIT = 7
SENTENCE = "The weather is lovely today."
WORD = "hello"
QUERY = "Which dish can I make with eggs and flour?"
CANDIDATES = (
    "The train to the coast leaves at noon.",
    "Pancakes need little more than a hot pan.",
    "The parliament voted on the budget.",
)
NEAREST = 1
CLASSIFIED = "The striker hit the post twice before the whistle."
TOPIC = "sport"


def _tensor(name: str, datatype: str, shape: Sequence[int], data: NDArray[np.generic] | Sequence[str]) -> Json:
    if isinstance(data, np.ndarray):
        flat = np.asarray(data).reshape(-1)
        # A float32 written with 6 digits is short, and moves no score by more than the sixth digit.
        numbers = flat.tolist() if datatype == "INT64" else [float(f"{value:.6g}") for value in flat.tolist()]
        return {"name": name, "shape": list(shape), "datatype": datatype, "data": numbers}
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": list(data)}


def _texts(*texts: str) -> Json:
    return _tensor("TEXT", "BYTES", [len(texts), 1], texts)


def _best(output: str) -> list[Json]:
    return [{"name": output, "parameters": {"classification": 1}}]


def _digit() -> Json:
    _, held_out = split()
    first = int(np.flatnonzero(held_out.labels == DIGIT)[0])
    return {
        "show": "class",
        "caption": f"a handwritten {DIGIT}, held out from training",
        "request": {
            "inputs": [_tensor("image", "FP32", [1, 1, 8, 8], held_out.pixels[first])],
            "outputs": _best("scores"),
        },
        "expect": {"label": str(DIGIT)},
    }


def samples() -> dict[str, Json]:
    """By model name."""
    tokens, word = tokenizer().batch([SENTENCE], PADDED_TO), tokenizer().batch([WORD])
    length, pieces = tokens.input_ids.shape[1], word.input_ids.shape[1]
    ids = [
        _tensor("input_ids", "INT64", [1, length], tokens.input_ids),
        _tensor("attention_mask", "INT64", [1, length], tokens.attention_mask),
        _tensor("token_type_ids", "INT64", [1, length], tokens.token_type_ids),
    ]
    digit = _digit()
    return {
        "digits": digit,
        "digits_trt": digit,
        "text_tokenizer": {
            "show": "tensor",
            "caption": f"token ids of {SENTENCE!r}",
            "request": {"inputs": [_texts(SENTENCE)], "outputs": [{"name": "input_ids"}]},
            "expect": {"shape": [1, length]},
        },
        "text_encoder": {
            "show": "tensor",
            "caption": f"one vector for each token of {SENTENCE!r}",
            "request": {"inputs": ids, "outputs": [{"name": "token_embeddings"}]},
            "expect": {"shape": [1, length, 384]},
        },
        "text_pooling": {
            "show": "tensor",
            "caption": f"the {pieces} token vectors of {WORD!r} as one",
            "request": {
                "inputs": [
                    _tensor("token_embeddings", "FP32", [1, pieces, 384], token_embeddings(word)),
                    _tensor("attention_mask", "INT64", [1, pieces], word.attention_mask),
                ],
                "outputs": [{"name": "embedding"}],
            },
            "expect": {"shape": [1, 384]},
        },
        "sentence_embedding": {
            "show": "nearest",
            "caption": QUERY,
            "request": {"inputs": [_texts(QUERY, *CANDIDATES)], "outputs": [{"name": "embedding"}]},
            "candidates": list(CANDIDATES),
            "expect": {"nearest": NEAREST},
        },
        "topic_head": {
            "show": "class",
            "caption": f"the vector of {CLASSIFIED!r}",
            "request": {
                "inputs": [_tensor("embedding", "FP32", [1, 384], embeddings([CLASSIFIED]))],
                "outputs": _best("scores"),
            },
            "expect": {"label": TOPIC},
        },
        "text_classification": {
            "show": "class",
            "caption": CLASSIFIED,
            "request": {"inputs": [_texts(CLASSIFIED)], "outputs": _best("scores")},
            "expect": {"label": TOPIC},
        },
    }


def written(sample: Json) -> str:
    """JSON with one line for each field, and each list of plain values on a line of its own."""
    text = json.dumps(sample, indent=2, ensure_ascii=False)
    numbers = re.compile(r"\[\s+((?:-?[\d.e+-]+,?\s+)+)\]")
    return numbers.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


if __name__ == "__main__":
    for model, sample in samples().items():
        write_atomically(REPOSITORY / model / "sample.json", written(sample).encode())
    print("samples: written")
