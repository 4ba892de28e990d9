"""What is measured: servers of one model each, and stack `local` as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.memory.generated import asked_otherwise, bare, filters, matrices, scaling, table

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "model_repository"
STACK = "stack local"

Use = Literal["calibration", "held out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A server of `models` of `repository`. `use`: whether a constant of planning was read off it; the others only
    judge."""

    name: str
    repository: Path
    models: tuple[str, ...]
    use: Use


def generate(root: Path) -> None:
    """Write the models that this benchmark makes into `root`."""
    bare(root, "python_1")
    bare(root, "python_3", instances=3)
    scaling(root, "onnx_1")
    scaling(root, "onnx_4", instances=4)
    matrices(root, "matrices_10x4MiB", width=1024, depth=10)
    matrices(root, "matrices_40x1MiB", width=512, depth=40)
    matrices(root, "matrices_6x16MiB", width=2048, depth=6)
    matrices(root, "matrices_2x64MiB", width=4096, depth=2)
    filters(root, "filters_30x0.6MiB", channels=128, depth=30)
    filters(root, "filters_20x2.3MiB", channels=256, depth=20)
    filters(root, "images_64x16x32x32", channels=16, depth=4, side=32, batch=64)
    table(root, "table_73MiB", rows=50_000, width=384)
    asked_otherwise(root, "text_encoder_8x128", EXAMPLES / "text_encoder", batch=8, size=128)


CALIBRATION = ("python_1", "onnx_1", "matrices_10x4MiB", "filters_30x0.6MiB")
HELD_OUT = (
    *("python_3", "onnx_4", "matrices_40x1MiB", "matrices_6x16MiB", "matrices_2x64MiB", "filters_20x2.3MiB"),
    *("images_64x16x32x32", "table_73MiB", "text_encoder_8x128"),
)
SERVED_ALONE = ("digits", "topic_head", "text_tokenizer", "text_pooling", "text_encoder")
"""Ensembles have no process of their own: stack `local` serves two of them."""


def cases(generated: Path) -> tuple[Case, ...]:
    every = ("digits", "sentence_embedding", "text_classification")
    return (
        *(Case(name=name, repository=generated, models=(name,), use="calibration") for name in CALIBRATION),
        *(Case(name=name, repository=generated, models=(name,), use="held out") for name in HELD_OUT),
        *(Case(name=name, repository=EXAMPLES, models=(name,), use="held out") for name in SERVED_ALONE),
        Case(name=STACK, repository=EXAMPLES, models=every, use="held out"),
    )
