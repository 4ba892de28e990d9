"""Warm-ups, as Triton's core decides them."""

from __future__ import annotations

from tests.preflight.core_models import plain, python, seed
from tests.preflight.seeds import Ours, Seed, changed, without

WARM = (
    'model_warmup { name: "w" batch_size: 2 inputs { key: "INPUT"'
    " value { data_type: TYPE_FP32 dims: [ 4 ] random_data: true } } }\n"
)


def warm(name: str, at: str, old: str, new: str, *words: str) -> Seed:
    return plain(name, "TU224", at, old, new, *words, more=WARM)


def filed(name: str, at: str, old: str, new: str, content: bytes | None, *words: str) -> Seed:
    """A warm-up whose data are in a file."""
    right = WARM.replace("random_data: true", 'input_data_file: "data"')
    healthy = {**python(more=right), "subject/warmup/data": b"\0" * 16}
    faulty = changed(healthy, old, new)
    faulty = {**without(faulty, "subject/warmup/data"), **({"subject/warmup/data": content} if content else {})}
    return seed(name, "TU224", at, healthy, faulty, *words)


SEEDS: list[Seed] = [
    warm("a warm-up of any size", "dims", "dims: [ 4 ] random", "dims: [ -1 ] random", "[-1]"),
    warm("a warm-up of another size", "dims", "dims: [ 4 ] random", "dims: [ 5 ] random", "[5]", "[4]"),
    warm("a warm-up of another rank", "dims", "dims: [ 4 ] random", "dims: [ 1, 4 ] random", "[1, 4]"),
    warm("a warm-up of no dims", "dims", " dims: [ 4 ] random", " random", "[]"),
    warm(
        "a warm-up of another type",
        "data_type",
        "TYPE_FP32 dims: [ 4 ] random",
        "TYPE_INT32 dims: [ 4 ] random",
        "TYPE_INT32",
    ),
    warm(
        "a warm-up of no type",
        "data_type",
        "data_type: TYPE_FP32 dims: [ 4 ] random",
        "dims: [ 4 ] random",
        "TYPE_INVALID",
    ),
    warm("a warm-up without data", '["INPUT"]', "random_data: true", "", "zero_data"),
    warm("a warm-up of another input", '["INPT"]', 'key: "INPUT"', 'key: "INPT"', "Did you mean 'INPUT'?"),
    plain(
        "a warm-up without an input",
        "TU224",
        "inputs",
        " } ]\noutput",
        ' }, { name: "MORE" data_type: TYPE_FP32 dims: [ 1 ] } ]\noutput',
        "'MORE'",
        more=WARM,
    ),
    plain(
        "a warm-up beyond a Python model's batch",
        "TU224",
        "batch_size",
        "batch_size: 2",
        "batch_size: 9",
        "9",
        "8",
        more=WARM,
        judge=Ours("it loads, and the model's code is given more requests at once than its config says"),
    ),
    filed("a warm-up whose file is missing", "input_data_file", "batch_size: 2", "batch_size: 2", None, "warmup/data"),
    filed("a warm-up whose file is short", "input_data_file", "batch_size: 2", "batch_size: 2", b"\0" * 15, "15 bytes"),
    filed("a warm-up of a file of another name", "input_data_file", '"data"', '"date"', b"\0" * 16, "warmup/date"),
]

HEALTHY = {
    "a warm-up with more than is declared": python(
        more=WARM.replace(
            "random_data: true } } }",
            'random_data: true } } inputs { key: "MORE" value { data_type: TYPE_FP32 dims: [ 4 ] zero_data: true } } }',
        )
    ),
    "two warm-ups": python(more=WARM + WARM.replace('"w"', '"x"').replace("random_data", "zero_data")),
}
