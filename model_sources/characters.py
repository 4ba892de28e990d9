"""Writes `text_tokenizer/1/characters.py`: which characters the tokeniser drops, splits at, or strips.

Unicode's tables differ with the version of Python, and every Triton release carries another Python. MiniLM's
own tokeniser (the library `tokenizers`) froze its tables long ago, so the classes are read off that library
once, code point by code point, and committed: the same text gets the same tokens on every release.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from textwrap import wrap

from tokenizers import normalizers, pre_tokenizers

from model_sources.files import REPOSITORY, write_atomically

TARGET = REPOSITORY / "text_tokenizer" / "1" / "characters.py"

HEADER = '''"""Character classes of the BERT tokeniser, as ranges of code points in hexadecimal.

Made by `make train` (model_sources/characters.py) from the behaviour of the library `tokenizers`, so that
they do not change with Python's own Unicode tables. Not to be edited by hand.
"""
'''


def _characters() -> Iterator[str]:
    surrogates = range(0xD800, 0xE000)
    return (chr(code) for code in range(sys.maxunicode + 1) if code not in surrogates)


def _ranges(belongs: Callable[[str], bool]) -> list[tuple[int, int]]:
    members = [ord(character) for character in _characters() if belongs(character)]
    starts = [members[0], *(after for before, after in pairwise(members) if after != before + 1)]
    ends = [*(before for before, after in pairwise(members) if after != before + 1), members[-1]]
    return list(zip(starts, ends, strict=True))


def character_classes() -> dict[str, list[tuple[int, int]]]:
    """Every class by name, as inclusive ranges, read off the library's own steps one at a time."""
    clean = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False
    )
    strip = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False
    )
    ideographs = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    split = pre_tokenizers.BertPreTokenizer()
    return {
        "DROPPED": _ranges(lambda character: clean.normalize_str(f"a{character}b") == "ab"),
        "SPACES": _ranges(lambda character: clean.normalize_str(f"a{character}b") == "a b"),
        "IDEOGRAPHS": _ranges(lambda character: ideographs.normalize_str(character) == f" {character} "),
        "ACCENTS": _ranges(
            lambda character: (
                unicodedata.normalize("NFD", character) == character and strip.normalize_str(f"a{character}b") == "ab"
            )
        ),
        "PUNCTUATION": _ranges(lambda character: len(split.pre_tokenize_str(f"a{character}b")) == 3),
    }


def _written(name: str, ranges: list[tuple[int, int]]) -> str:
    words = [f"{start:X}" if start == end else f"{start:X}-{end:X}" for start, end in ranges]
    lines = wrap(" ".join(words), width=100, break_on_hyphens=False)
    if len(lines) == 1:
        return f'{name} = "{lines[0]}"\n'
    quoted = [f'    "{line} "' for line in lines[:-1]] + [f'    "{lines[-1]}"']
    return "\n".join([f"{name} = (", *quoted, ")", ""])


def source() -> str:
    """The text of the module that the tokeniser imports."""
    return HEADER + "\n" + "\n".join(_written(name, ranges) for name, ranges in character_classes().items())


if __name__ == "__main__":
    write_atomically(TARGET, source().encode())
    print(f"wrote {TARGET.relative_to(REPOSITORY.parent)}")
