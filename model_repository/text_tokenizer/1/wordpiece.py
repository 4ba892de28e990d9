"""The uncased BERT tokeniser that MiniLM was trained with, in the standard library and numpy only.

Published Triton images carry numpy and no tokeniser library, and the model must serve on an unmodified one.
Its ids are those of the library `tokenizers` with the model's own tokenizer.json (a test compares the two
over Unicode's characters). Works on Python 3.10 and later, which every supported release carries.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import characters
import numpy as np
from numpy.typing import NDArray

MAX_TOKENS = 256
"""[CLS] and [SEP] included; later words are cut off. Source: `max_seq_length` in the package's
sentence_bert_config.json, and its README ("longer than 256 word pieces is truncated")."""

LONGEST_WORD = 100
"""Characters; a longer word is [UNK]. Source: `max_input_chars_per_word` in tokenizer.json."""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Source: `added_tokens` in tokenizer.json. Written in a text they are the token, not its letters: that is
what the library does by default, and so what the published vectors of such texts rest on."""

CACHED_WORDS = 2**14
"""Words whose pieces are kept. At 100 characters a word at most, this stays below 20 MB."""


class _CharacterClass:
    """Code points given as text ranges (`41-5A 61-7A`)."""

    def __init__(self, ranges: str) -> None:
        bounds = [tuple(int(end, 16) for end in part.split("-")) for part in ranges.split()]
        self._starts = [bound[0] for bound in bounds]
        self._ends = [bound[-1] for bound in bounds]

    def __contains__(self, code: int) -> bool:
        at = bisect_right(self._starts, code) - 1
        return at >= 0 and code <= self._ends[at]

    def pattern(self) -> str:
        """The inside of a regular expression's brackets."""
        return "".join(f"{_escape(a)}-{_escape(b)}" for a, b in zip(self._starts, self._ends, strict=True))


def _escape(code: int) -> str:
    return f"\\U{code:08x}"


_DROPPED = _CharacterClass(characters.DROPPED)
_SPACES = _CharacterClass(characters.SPACES)
_IDEOGRAPHS = _CharacterClass(characters.IDEOGRAPHS)
_ACCENTS = _CharacterClass(characters.ACCENTS)
_PUNCTUATION = _CharacterClass(characters.PUNCTUATION)

_RUN = re.compile(f"[^{_SPACES.pattern()}]+")
_SPECIAL_OR_NOT = re.compile(f"({'|'.join(map(re.escape, SPECIAL))})")


class _Clean(dict[int, str | None]):
    """For `str.translate`: drops control characters and sets ideographs apart."""

    def __missing__(self, code: int) -> str | None:
        if code in _DROPPED:
            return None
        return f" {chr(code)} " if code in _IDEOGRAPHS else chr(code)


class _Fold(dict[int, str | None]):
    """For `str.translate`, on decomposed text: drops accents, sets punctuation apart, lowers the case."""

    def __missing__(self, code: int) -> str | None:
        if code in _ACCENTS:
            return None
        return f" {chr(code)} " if code in _PUNCTUATION else chr(code).lower()


def _cached(table: _Clean | _Fold) -> _Clean | _Fold:
    # Only the scripts that most text is in: a stranger's text must not fill memory with a million entries.
    table.update({code: table[code] for code in range(0x3000)})
    return table


_CLEAN = _cached(_Clean())
_FOLD = _cached(_Fold())


def words(text: str) -> Iterator[str]:
    """The lower-case words and punctuation marks of `text`, one after another, read only as far as asked."""
    for run in _RUN.finditer(text):
        cleaned = run.group().translate(_CLEAN)
        yield from unicodedata.normalize("NFD", cleaned).translate(_FOLD).split()


@dataclass(frozen=True, slots=True)
class Tokens:
    """A batch, row by row: token ids, 1 where a token is real and 0 where it is padding, and segments (all 0,
    since a row is one text). All INT64 of one shape [texts, tokens]."""

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]


class WordPiece:
    """Texts to token ids by a vocabulary, one piece a line, its id being the line's number from 0."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        self._special = {token: self._ids[token] for token in SPECIAL}
        self._longest_piece = max(len(piece) for piece in vocabulary)
        self._pieces = lru_cache(maxsize=CACHED_WORDS)(self._split)

    @classmethod
    def read(cls, path: Path) -> WordPiece:
        """From a `vocab.txt`. `OSError` or `UnicodeDecodeError` if it cannot be read, `KeyError` naming the
        special token that it lacks."""
        return cls(path.read_text(encoding="utf-8").rstrip("\n").split("\n"))

    def ids(self, text: str) -> list[int]:
        """At most `MAX_TOKENS` ids, [CLS] first and [SEP] last; an empty text is those two."""
        kept = islice(self._all_ids(text), MAX_TOKENS - 2)
        return [self._special["[CLS]"], *kept, self._special["[SEP]"]]

    def batch(self, texts: Iterable[str], multiple_of: int = 1) -> Tokens:
        """Rows padded to the longest text, rounded up to `multiple_of` tokens (not past `MAX_TOKENS`)."""
        rows = [self.ids(text) for text in texts]
        longest = max((len(row) for row in rows), default=0)
        length = min(-(-longest // multiple_of) * multiple_of, MAX_TOKENS)
        input_ids = np.full((len(rows), length), self._special["[PAD]"], dtype=np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, ids in enumerate(rows):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        return Tokens(input_ids, attention_mask, np.zeros_like(input_ids))

    def _all_ids(self, text: str) -> Iterator[int]:
        for part in _SPECIAL_OR_NOT.split(text):
            if part in self._special:
                yield self._special[part]
                continue
            for word in words(part):
                yield from self._pieces(word)

    def _split(self, word: str) -> tuple[int, ...]:
        """Greedy, longest piece first; a word with an unknown rest is unknown as a whole."""
        unknown = (self._special["[UNK]"],)
        if len(word) > LONGEST_WORD:
            return unknown
        found: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                number = self._ids.get(mark + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return unknown
        return tuple(found)
