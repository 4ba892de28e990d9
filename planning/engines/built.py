"""`engines.lock.json` in a model repository: which engines were built, to the byte.

An engine's bytes are not known before it is built, and no two builds give the same. The lock ties them to their key, as
the image lock does with tags: planning reads it and nothing else, so that what a server serves has one content digest.
`tritonup engines record` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LOCK = "engines.lock.json"

FOLDER = "engines"
"""Below a destination."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Accuracy(BaseModel):
    """How far the engine's answers were from the ONNX model's, over `questions` requests: the greatest absolute
    difference, and the greatest share of what was allowed that one number used (1 is all of it)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    questions: Annotated[int, Field(ge=1)]
    greatest_difference: Annotated[float, Field(ge=0)]
    share_of_tolerance: Annotated[float, Field(ge=0, le=1)]


class BuiltEngine(BaseModel):
    """`sha256` and `size` (bytes) of the plan, `key` the whole digest of its key, `built` when it was published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Sha256
    sha256: Sha256
    size: Annotated[int, Field(ge=1)]
    built: datetime
    accuracy: Accuracy

    def stored_at(self, name: str) -> str:
        """The plan below a destination; `name` is its key's. By its content: nothing can be overwritten."""
        return f"{FOLDER}/{name}/{self.sha256}.plan"


class EngineLock(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    engines: Mapping[str, BuiltEngine] = {}
    """By the name of the key."""


class LockError(ValueError):
    """The file cannot be used; the message says why, as the end of a sentence."""


def read_lock(root: Path) -> EngineLock:
    """What the repository at `root` notes; nothing where there is no lock. LockError where it cannot be read."""
    try:
        return EngineLock.model_validate_json((root / LOCK).read_bytes())
    except FileNotFoundError:
        return EngineLock()
    except OSError as refused:
        raise LockError(f"cannot be read: {refused.strerror}.") from None
    except ValidationError as refused:
        first = refused.errors(include_url=False, include_input=False)[0]
        at = ".".join(map(str, first["loc"]))
        raise LockError(f"is no list of engines ({f'{at}: ' if at else ''}{first['msg']}).") from None


def lock_text(lock: EngineLock) -> str:
    return json.dumps(lock.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"
