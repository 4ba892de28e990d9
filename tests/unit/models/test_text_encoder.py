"""The encoder's graph computes what BERT computes with these weights, and is assembled whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from bert_by_hand import Bert
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_sources import bert, encoder
from model_sources.files import ModelSourceError, write_atomically
from model_sources.runtime import Runtime
from model_sources.sentences import PADDED_TO, token_embeddings
from model_sources.sentences import Tokenizer as OurTokenizer

TEXTS = ["The weather is lovely today.", "sun", "A man is playing the guitar on a wet stage in the rain. " * 3]


def test_every_token_vector_is_that_of_an_independent_forward_pass(
    assembled: None, weights: dict[str, NDArray[np.float32]], ours: OurTokenizer
) -> None:
    found = token_embeddings(ours.batch(TEXTS, PADDED_TO))
    by_hand = Bert(weights)
    for row, text in zip(found, TEXTS, strict=True):
        ids = ours.ids(text)
        np.testing.assert_allclose(row[: len(ids)], by_hand.token_embeddings(ids), atol=2e-5)


def test_padding_changes_no_token_vector(assembled: None, ours: OurTokenizer) -> None:
    tight, wide = token_embeddings(ours.batch(TEXTS[:1])), token_embeddings(ours.batch(TEXTS[:1], 256))
    np.testing.assert_allclose(wide[:, : tight.shape[1]], tight, atol=1e-5)


def test_an_assembled_model_is_left_as_it_is(assembled: None, tmp_path: Path) -> None:
    before = encoder.TARGET.stat()
    assert not encoder.assemble(tmp_path / "no package is needed", encoder.TARGET)
    assert encoder.TARGET.stat() == before


def test_other_weights_are_refused_with_both_digests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / encoder.WEIGHTS
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the weights")
    out = tmp_path / "model.onnx"
    assert encoder.main(["--package", str(tmp_path), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert hashlib.sha256(b"not the weights").hexdigest() in said
    assert encoder.WEIGHTS_SHA256 in said
    assert "make models" in said
    assert not out.exists()


def test_a_missing_package_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model.onnx"
    assert encoder.main(["--package", str(tmp_path / "absent"), "--out", str(out)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "No such file" in said[0]
    assert "make models" in said[0]
    assert not out.exists()


def test_a_full_disk_leaves_the_old_model_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "model.onnx"
    out.write_bytes(b"the old model")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelSourceError, match=r"model.onnx: no space left for its 2 MiB"):
        write_atomically(out, bytes(2**21))
    assert out.read_bytes() == b"the old model"
    assert list(tmp_path.iterdir()) == [out]


def test_a_half_written_model_is_assembled_again_to_the_pinned_bytes(
    package: Path, assembled: None, tmp_path: Path
) -> None:
    out = tmp_path / "model.onnx"
    shutil.copy(encoder.TARGET, out)
    os.truncate(out, 1000)
    assert encoder.assemble(encoder.PACKAGE, out)
    assert encoder.assembled(out)


@settings(max_examples=8, deadline=None)
@given(
    batch=st.integers(1, 3),
    tokens=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_batch_and_length_is_taken(batch: int, tokens: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    small = {
        name: random.standard_normal(shape).astype(np.float32) * np.float32(0.02) for name, shape in SHAPES.items()
    }
    ids = random.integers(0, WORDS, (batch, tokens))
    kept = random.integers(1, tokens + 1, batch)
    mask = (np.arange(tokens) < kept[:, None]).astype(np.int64)
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    found = Runtime(bert.encoder(small)).run(inputs)
    assert found.shape == (batch, tokens, bert.HIDDEN)
    by_hand = Bert(small)
    for row, real in enumerate(kept):
        np.testing.assert_allclose(found[row, :real], by_hand.token_embeddings(ids[row, :real].tolist()), atol=1e-5)


WORDS = 50


def _shapes() -> dict[str, tuple[int, ...]]:
    wide = 64
    found: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, bert.HIDDEN),
        "embeddings.position_embeddings.weight": (8, bert.HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, bert.HIDDEN),
        "embeddings.LayerNorm.weight": (bert.HIDDEN,),
        "embeddings.LayerNorm.bias": (bert.HIDDEN,),
    }
    for number in range(bert.LAYERS):
        layer = f"encoder.layer.{number}"
        parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
        for part in [*parts, "attention.output.dense"]:
            found |= {f"{layer}.{part}.weight": (bert.HIDDEN, bert.HIDDEN), f"{layer}.{part}.bias": (bert.HIDDEN,)}
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            found |= {f"{layer}.{part}.weight": (bert.HIDDEN,), f"{layer}.{part}.bias": (bert.HIDDEN,)}
        found |= {
            f"{layer}.intermediate.dense.weight": (wide, bert.HIDDEN),
            f"{layer}.intermediate.dense.bias": (wide,),
            f"{layer}.output.dense.weight": (bert.HIDDEN, wide),
            f"{layer}.output.dense.bias": (bert.HIDDEN,),
        }
    return found


SHAPES = _shapes()
