"""Configs that are changed at random, the same ones in every run: what nobody thought of as a seed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from random import Random

from tests.preflight.core_models import CODE
from tests.preflight.seeds import Files

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|\s+|.')
_VALUE = re.compile(r"[\"'\d\-A-Z]|true$|false$")
_VALUES = (
    *("0", "-1", "1", "9", "0.5", "-0.5", "2147483648", "4294967296", "9223372036854775808", "true", "false"),
    *('""', '"subject"', '"helper"', '"INPUT"', '"OUTPUT"', '"a-b"', "TYPE_STRING", "TYPE_INVALID", "KIND_AUTO"),
)


def changed_at_random(healthy: Mapping[str, Files], count: int, seed: int) -> Iterator[Files]:
    """`count` repositories, each one of `healthy` with a value exchanged in a config, or a token left out. Only those
    whose models are Python's, which say themselves what they have, and ensembles."""
    random = Random(seed)
    pool = [files for files in healthy.values() if _is_told(files)]
    configs = [content.decode() for files in pool for path, content in files.items() if path.endswith("config.pbtxt")]
    values = sorted({token for text in configs for token in _TOKEN.findall(text) if _VALUE.match(token)} | {*_VALUES})
    for _ in range(count):
        files = random.choice(pool)
        path = random.choice(sorted(path for path in files if path.endswith("config.pbtxt")))
        tokens: list[str] = _TOKEN.findall(files[path].decode())
        places = [at for at, token in enumerate(tokens) if _VALUE.match(token)]
        if places and random.random() < 0.9:
            tokens[random.choice(places)] = random.choice(values)
        elif tokens:
            del tokens[random.randrange(len(tokens))]
        yield {**files, path: "".join(tokens).encode()}


def _is_told(files: Files) -> bool:
    code = [content for path, content in files.items() if path.endswith(".py")]
    return bool(code) and all(content == CODE for content in code)
