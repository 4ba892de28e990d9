"""`python -m programs models pull …`, `python -m programs gpu-readiness …`: the image's entry."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

PROGRAMS: Mapping[tuple[str, ...], str] = {
    ("models", "pull"): "programs.models_pull",
    ("models", "wait"): "programs.models_wait",
    ("engines", "prepare"): "programs.engines_prepare",
    ("engines", "publish"): "programs.engines_publish",
    ("gpu-health",): "gpu_health.__main__",
    ("gpu-readiness",): "gpu_readiness.__main__",
}
"""The words that name a program, and its module."""


def main(arguments: Sequence[str]) -> int:
    for words, module in PROGRAMS.items():
        if tuple(arguments[: len(words)]) == words:
            gc.disable()  # a fifth of a short program was looking for garbage in what it imports
            imported = importlib.import_module(module)
            gc.freeze()
            gc.enable()
            return imported.main(arguments[len(words) :])
    known = ", ".join(" ".join(words) for words in PROGRAMS)
    print(f"No program {' '.join(arguments[:2])!r} is in this image. It has: {known}.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    atexit.register(gc.freeze)  # or all that there is would be looked through at the end
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # which it looks for in every package's metadata
    sys.exit(main(sys.argv[1:]))
