"""`python -m benchmarks.engines`: see README.md."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.engines.gpu import TensorRt
from benchmarks.engines.run import Gpu, Result, measure, report
from benchmarks.printed import Printed
from planning.engines.shapes import MAX_SHAPES, MIN_SHAPES, OPT_SHAPES

ROOT = Path(__file__).resolve().parents[2]

ENCODER = {
    which: ",".join(f"{name}:{shape}" for name in ("input_ids", "attention_mask", "token_type_ids"))
    for which, shape in ((MIN_SHAPES, "1x1"), (OPT_SHAPES, "8x64"), (MAX_SHAPES, "16x128"))
}
MODELS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "digits": (64, {}),
    "topic_head": (64, {}),
    "text_encoder": (16, ENCODER),
}
"""With the greatest batch, and the shapes that it does not tell. `text_encoder` is there after `make models`."""


def run(gpu: Gpu, models: Mapping[str, tuple[int, Mapping[str, str]]] = MODELS) -> list[Result]:
    told = Printed()
    results: list[Result] = []
    for model, (batch, shapes) in models.items():
        file = ROOT / "model_repository" / model / "1" / "model.onnx"
        if not file.is_file():
            told.note(f"{model} is left out: {file.name} is not there (make models)")
            continue
        with told.step(f"{model} on {gpu.name}"):
            results.append(measure(gpu, model, file, batch, shapes))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    gpu = TensorRt()
    text = json.dumps(report(gpu, run(gpu), datetime.now(UTC).date().isoformat()), indent=2) + "\n"
    asked.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
