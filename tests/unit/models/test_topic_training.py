"""The topic classifier is the best there is for its sentences, and as good as its card says."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_sources import topics
from model_sources.files import REPOSITORY
from model_sources.runtime import Runtime, accuracy
from model_sources.sentences import embeddings
from model_sources.topics import LABELS, TARGET, TOPICS, exported, read, train


def test_every_topic_has_the_same_share_and_no_sentence_is_on_both_sides() -> None:
    seen, unseen = read("train"), read("held_out")
    assert Counter(seen.topics.tolist()) == dict.fromkeys(range(len(TOPICS)), 30)
    assert Counter(unseen.topics.tolist()) == dict.fromkeys(range(len(TOPICS)), 10)
    everything = [sentence.lower() for sentence in [*seen.sentences, *unseen.sentences]]
    assert len(set(everything)) == len(everything)


def test_the_labels_are_the_topics_in_the_order_of_the_scores() -> None:
    assert LABELS.read_text().split() == list(TOPICS)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_training_ends_where_the_loss_is_flat(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((30, 384))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    labels = random.integers(0, len(TOPICS), 30)
    weights, biases = (value.astype(np.float64) for value in train(vectors, labels))
    logits = vectors @ weights.T + biases
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = (chances - np.eye(len(TOPICS))[labels]) / len(labels)
    assert np.abs(wrong.T @ vectors + topics.PENALTY * weights).max() < 1e-6
    assert np.abs(wrong.sum(axis=0)).max() < 1e-6


def test_training_again_gives_the_committed_model(assembled: None) -> None:
    seen = read("train")
    made = Runtime(exported(*train(embeddings(seen.sentences), seen.topics)))
    vectors = embeddings(read("held_out").sentences)
    committed = Runtime(TARGET.read_bytes())
    np.testing.assert_allclose(made.run({"embedding": vectors}), committed.run({"embedding": vectors}), atol=1e-4)


def test_the_card_states_the_committed_models_held_out_accuracy(assembled: None) -> None:
    unseen = read("held_out")
    found = accuracy(Runtime(TARGET.read_bytes()), "embedding", embeddings(unseen.sentences), unseen.topics)
    for model in ("topic_head", "text_classification"):
        assert str(found) in (REPOSITORY / model / "README.md").read_text()
