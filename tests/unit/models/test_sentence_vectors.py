"""Sentence vectors agree with the figures that the model's authors publish."""

from __future__ import annotations

import numpy as np
import pytest
from bert_by_hand import Bert
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from model_sources import encoder
from model_sources.pooling import TARGET, pooling
from model_sources.runtime import Runtime
from model_sources.sentences import Tokenizer as OurTokenizer
from model_sources.sentences import embeddings

PUBLISHED = (
    ("The new movie is awesome", "The dog plays in the garden", 0.0543),
    ("The new movie is awesome", "The new movie is so great", 0.8939),
    ("The new movie is awesome", "A woman watches TV", -0.0502),
    ("The cat sits outside", "The dog plays in the garden", 0.2838),
    ("The cat sits outside", "The new movie is so great", -0.0029),
    ("The cat sits outside", "A woman watches TV", 0.1310),
    ("A man is playing guitar", "The dog plays in the garden", 0.2277),
    ("A man is playing guitar", "The new movie is so great", -0.0136),
    ("A man is playing guitar", "A woman watches TV", -0.0327),
    ("The weather is lovely today.", "It's so sunny outside!", 0.6660),
    ("The weather is lovely today.", "He drove to the stadium.", 0.1046),
    ("It's so sunny outside!", "He drove to the stadium.", 0.1411),
)
"""Cosines of all-MiniLM-L6-v2, to four decimals, as printed in the documentation of sentence-transformers
(docs/sentence_transformer/usage/semantic_textual_similarity.rst, commit 0c0b512)."""


@pytest.mark.parametrize(("one", "other", "cosine"), PUBLISHED)
def test_similarities_are_the_published_ones(assembled: None, one: str, other: str, cosine: float) -> None:
    first, second = embeddings([one, other])
    assert float(first @ second) == pytest.approx(cosine, abs=6e-5)


def test_vectors_are_those_of_an_independent_forward_pass(
    assembled: None, weights: dict[str, NDArray[np.float32]], ours: OurTokenizer
) -> None:
    texts = ["Interest rates rose again.", "Preheat the oven and grease the tin."]
    by_hand = Bert(weights)
    for found, text in zip(embeddings(texts), texts, strict=True):
        np.testing.assert_allclose(found, by_hand.embedding(ours.ids(text)), atol=2e-6)


def test_a_sentences_vector_does_not_depend_on_the_batch_that_it_is_in(assembled: None) -> None:
    alone = embeddings(["The forecast promises snow."])[0]
    among = embeddings(["The forecast promises snow.", "and a far longer neighbour " * 20])[0]
    np.testing.assert_allclose(among, alone, atol=1e-6)


POOLING = Runtime(pooling())


@settings(deadline=None)
@given(st.data())
def test_pooling_is_the_mean_over_real_tokens_at_length_one(data: st.DataObject) -> None:
    batch, tokens = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    seed = data.draw(st.integers(0, 2**32 - 1))
    vectors = np.random.default_rng(seed).standard_normal((batch, tokens, 384)).astype(np.float32)
    mask = data.draw(arrays.arrays(np.int64, (batch, tokens), elements=st.integers(0, 1)))
    found = POOLING.run({"token_embeddings": vectors, "attention_mask": mask})
    for row, (kept, real) in enumerate(zip(mask.astype(bool), vectors, strict=True)):
        if not kept.any():
            assert not found[row].any()
            continue
        mean = real[kept].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(found[row], mean / np.linalg.norm(mean), atol=1e-5)


def test_the_committed_pooling_is_the_one_that_the_source_makes() -> None:
    assert TARGET.read_bytes() == pooling().SerializeToString(deterministic=True)
    assert TARGET.parent.parent.parent == encoder.REPOSITORY
