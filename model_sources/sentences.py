"""Sentence vectors made with the very files that a server reads, for training and for the samples."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from model_sources import encoder, pooling
from model_sources.files import REPOSITORY, ModelSourceError
from model_sources.runtime import Runtime

TOKENIZER = REPOSITORY / "text_tokenizer" / "1"

PADDED_TO = 16
"""`pad_to_multiple_of` in text_tokenizer/config.pbtxt."""


class Tokens(Protocol):
    """What text_tokenizer/1/wordpiece.py makes of a batch: INT64 [texts, tokens] each."""

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]


class Tokenizer(Protocol):
    """text_tokenizer/1/wordpiece.py's `WordPiece`."""

    def ids(self, text: str) -> list[int]: ...
    def batch(self, texts: Sequence[str], multiple_of: int = 1) -> Tokens: ...


@cache
def tokenizer() -> Tokenizer:
    """The tokeniser of the model repository, with its own vocabulary."""
    # Its folder is a Triton version folder (`1`), which is no package: Triton's stub does the same. No bytecode
    # is left there, because what lies in the folder is what is served.
    if str(TOKENIZER) not in sys.path:
        sys.path.append(str(TOKENIZER))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        wordpiece = import_module("wordpiece").WordPiece
    finally:
        sys.dont_write_bytecode = before
    return cast("Tokenizer", wordpiece.read(TOKENIZER / "vocab.txt"))


@cache
def _encoder() -> Runtime:
    if not encoder.assembled(encoder.TARGET):
        raise ModelSourceError(f"{encoder.TARGET}: not assembled. Run `make models`.")
    return Runtime(encoder.TARGET.read_bytes())


@cache
def _pooling() -> Runtime:
    return Runtime(pooling.pooling())


def token_embeddings(tokens: Tokens) -> NDArray[np.float32]:
    """[texts, tokens, 384]. `ModelSourceError` if the encoder is not assembled."""
    return _encoder().run(
        {
            "input_ids": tokens.input_ids,
            "attention_mask": tokens.attention_mask,
            "token_type_ids": tokens.token_type_ids,
        }
    )


def embeddings(texts: Sequence[str]) -> NDArray[np.float32]:
    """[texts, 384], each of length 1, as the ensemble `sentence_embedding` answers."""
    tokens = tokenizer().batch(texts, PADDED_TO)
    return _pooling().run({"token_embeddings": token_embeddings(tokens), "attention_mask": tokens.attention_mask})
