"""What Triton's log says about the loading of its models.

The lines are those of triton-inference-server/core (src/model_lifecycle.cc, model_repository_manager.cc) as
seen from release 24.10: `"loading: digits:1"`, `"successfully loaded 'digits'"`,
`"failed to load 'digits' version 1: …"`, `"Poll failed for model directory 'digits': …"`.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

KEPT_LINES = 200
"""How many last lines of the log are kept for an error report."""

_LINE = re.compile(r"^(?:(?P<level>[IWEF])\d{4} \S+|\S+Z (?P<iso_level>[IWEF])) \d+ \S+:\d+\] (?P<text>.*)$")
_LOADING = re.compile(r"^loading: (?P<model>.+):\d+$")
_LOADED = re.compile(r"^successfully loaded '(?P<model>[^']+)'$")
_FAILED = re.compile(r"^failed to load '(?P<model>[^']+)' version \d+: (?P<error>.*)$", re.DOTALL)
_UNREADABLE = re.compile(r"^Poll failed for model directory '(?P<model>[^']+)': (?P<error>.*)$", re.DOTALL)
_UNPARSED = re.compile(r"^\[libprotobuf ERROR [^]]*\] Error parsing text-format inference.ModelConfig: (?P<why>.*)$")
_EXPECTED_WITHOUT_GPU = re.compile(r"CudaDriverHelper has not been initialized|CUDA driver version is insufficient")


class State(StrEnum):
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(slots=True)
class Loading:
    """The models' states so far. Fed line by line, in the order of the log."""

    states: dict[str, State] = field(default_factory=dict[str, State])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    """Why a model failed, by its name."""
    complaints: list[str] = field(default_factory=list[str])
    """Other lines of level error, and what Triton writes as it gives up."""
    unparsed: str = ""
    """The text parser's words, which precede Triton's own line about the file."""
    last: deque[str] = field(default_factory=lambda: deque[str](maxlen=KEPT_LINES))

    def feed(self, line: str) -> None:
        self.last.append(line)
        found = _LINE.match(line)
        if found is None:
            if line.startswith("error: "):
                self.complaints.append(line.removeprefix("error: "))
            elif unparsed := _UNPARSED.match(line):
                self.unparsed = unparsed["why"]
            return
        text = _unquoted(found["text"])
        if loading := _LOADING.match(text):
            self.states.setdefault(loading["model"], State.LOADING)
        elif loaded := _LOADED.match(text):
            self.states[loaded["model"]] = State.READY
        elif failed := _FAILED.match(text):
            self.states[failed["model"]] = State.FAILED
            self.errors.setdefault(failed["model"], _without_traceback(failed["error"]))
        elif unreadable := _UNREADABLE.match(text):
            self.states[unreadable["model"]] = State.FAILED
            self.errors[unreadable["model"]] = f"{unreadable['error']}: {self.unparsed}".removesuffix(": ")
            self.unparsed = ""
        elif (found["level"] or found["iso_level"]) in "EF" and not _EXPECTED_WITHOUT_GPU.search(text):
            self.complaints.append(_without_traceback(text))

    def why(self) -> str:
        """Why it failed: each model's error, or else whatever Triton complained of last."""
        if self.errors:
            return "\n".join(f"{model}: {error}" for model, error in self.errors.items())
        return "\n".join(self.complaints[-5:] or list(self.last)[-5:])


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text.strip('"')


def _without_traceback(error: str) -> str:
    """A Python model's error without pybind's list of places below it."""
    return error.split("\n\nAt:\n", 1)[0].strip()
