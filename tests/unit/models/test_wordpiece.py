"""The tokeniser in text_tokenizer/1 gives the very ids of the library that MiniLM was published with."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from model_sources.sentences import PADDED_TO, TOKENIZER
from model_sources.sentences import Tokenizer as OurTokenizer

MAX_TOKENS = 256

SENTENCES = (
    "",
    "   \t\n",
    "The quick brown fox jumps over the lazy dog.",
    "Don't stop -- it's 3.14159% (really!) & more; e-mail: a.b@c.de",
    "naïve façade, Ångström, ÜBER, smørrebrød, Æsir, İstanbul, ΣΊΣΥΦΟΣ, Ёлка",
    "e\u0301\u0327 combining, \u1e9e, ﬁ ligature, ½, ²",
    "東京タワーは高い。中文字符 한국어 문장입니다 ภาษาไทย हिन्दी עברית العربية",
    "control \x00\x01\x1c\x7f\x85\u200b\u200e\ufeff\ufffd inside words",
    "non\u00a0breaking\u2003em space\u3000ideographic \u2028 line",
    "emoji 😀👩‍👩‍👧 and \U000e0041tags",
    "[CLS] and [SEP] and [MASK] [PAD][UNK] [sep] [[SEP]] [SE P]",
    "##ing ##s pre##fix",
    "x" * 100 + " " + "x" * 101 + " " + "é" * 100 + " " + "é" * 101,
    "pneumonoultramicroscopicsilicovolcanoconiosis antidisestablishmentarianism",
    "http://example.com/path?query=1&b=2#frag C:\\dir\\file.txt",
)

texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("aAbé ÉßΣİ.,!?-'\"$+中文ｶﾞ한\u0301\u0327\u200d\t\n\x00[]#"),
    ),
    max_size=80,
)
pieces = st.sampled_from([*"ab1.é中 ", "[SEP]", "[MASK]", "[PAD", "##", "ing", "\u0301", "word", "x" * 99])


@pytest.mark.parametrize("text", SENTENCES, ids=range(len(SENTENCES)))
def test_real_sentences_get_the_librarys_ids(text: str, ours: OurTokenizer, published: Tokenizer) -> None:
    assert ours.ids(text) == shortened(published.encode(text).ids)


@settings(max_examples=400, deadline=None)
@given(text=texts)
def test_any_text_gets_the_librarys_ids(text: str, ours: OurTokenizer, published: Tokenizer) -> None:
    assert ours.ids(text) == shortened(published.encode(text).ids)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(pieces, max_size=60))
def test_special_tokens_and_pieces_inside_a_text_are_read_as_the_library_reads_them(
    parts: list[str], ours: OurTokenizer, published: Tokenizer
) -> None:
    text = "".join(parts)
    assert ours.ids(text) == shortened(published.encode(text).ids)


def test_every_character_of_the_planes_in_use_is_classed_as_the_library_classes_it(
    ours: OurTokenizer, published: Tokenizer
) -> None:
    # Planes 3 to 13 are all but empty, 15 and 16 are private; 64 fit into one text without being cut off.
    codes = [*range(0xD800), *range(0xE000, 0x20000), *range(0x2A000, 0x2F000), *range(0x2F800, 0x2FA20)]
    blocks = [codes[start : start + 50] for start in range(0, len(codes), 50)]
    asked = [" ".join(f"a{chr(code)}b" for code in block) for block in blocks]
    wrong = [
        f"{block[0]:X} to {block[-1]:X}"
        for block, text, answer in zip(blocks, asked, published.encode_batch(asked), strict=True)
        if ours.ids(text) != shortened(answer.ids)
    ]
    assert not wrong


@settings(max_examples=60, deadline=None)
@given(batch=st.lists(texts, min_size=1, max_size=5), multiple_of=st.sampled_from([1, 8, 16, 256]))
def test_a_batch_is_padded_as_the_library_pads_it(
    batch: list[str], multiple_of: int, ours: OurTokenizer, published: Tokenizer
) -> None:
    made = ours.batch(batch, multiple_of)
    # The library leaves its keyword arguments untyped.
    published.enable_truncation(MAX_TOKENS)  # pyright: ignore[reportUnknownMemberType]
    published.enable_padding(pad_to_multiple_of=multiple_of)  # pyright: ignore[reportUnknownMemberType]
    try:
        wanted = published.encode_batch(batch)
    finally:
        published.no_truncation()
        published.no_padding()
    assert made.input_ids.tolist() == [row.ids for row in wanted]
    assert made.attention_mask.tolist() == [row.attention_mask for row in wanted]
    assert made.token_type_ids.tolist() == [row.type_ids for row in wanted]


def test_a_long_text_is_cut_to_the_published_limit_and_still_ends_in_sep(ours: OurTokenizer) -> None:
    made = ours.batch(["word " * 1000, "short"], PADDED_TO)
    assert made.input_ids.shape == (2, MAX_TOKENS)
    assert made.input_ids[0, -1] == ours.ids("")[-1]


def test_what_a_row_means_does_not_depend_on_its_neighbours(ours: OurTokenizer) -> None:
    alone, among = ours.batch(["one text"], 1), ours.batch(["one text", "a much longer text " * 9], 16)
    length = alone.input_ids.shape[1]
    assert np.array_equal(among.input_ids[0, :length], alone.input_ids[0])
    assert not among.attention_mask[0, length:].any()


def test_the_committed_vocabulary_is_the_published_one(package: Path) -> None:
    ours, published = TOKENIZER / "vocab.txt", package / "vocab.txt"
    assert hashlib.sha256(ours.read_bytes()).digest() == hashlib.sha256(published.read_bytes()).digest()


def test_the_tokeniser_needs_nothing_that_a_published_triton_image_lacks(ours: OurTokenizer) -> None:
    imported = {
        line.split()[1].partition(".")[0]
        for path in TOKENIZER.glob("*.py")
        for line in path.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    own = {path.stem for path in TOKENIZER.glob("*.py")}
    assert imported - own - set(sys.stdlib_module_names) == {"numpy", "triton_python_backend_utils"}


def shortened(ids: list[int]) -> list[int]:
    """Cut as the library cuts: the special tokens at both ends stay."""
    return ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]]
