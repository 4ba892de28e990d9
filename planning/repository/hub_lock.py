"""`hub.lock.json` in a model repository: which files came from a hub, from where, and what bytes they were.

`tritonup models add` writes it. Nothing in it is trusted to be well formed, for people edit it and merges break it: a
path leads nowhere but into the repository, a field that is not known is a mistake, a number in quotes too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

LOCK = "hub.lock.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def inside(path: str) -> str:
    """`path`, where it leads into what it is relative to, and is written in the one way. ValueError where not."""
    plain = PurePosixPath(path)
    leads_out = plain.is_absolute() or ".." in plain.parts or not plain.parts
    if leads_out or plain.as_posix() != path or "\\" in path or not path.isprintable():
        raise ValueError("is no path to something inside, as `1/weights/model.bin`")
    return path


InsidePath = Annotated[str, AfterValidator(inside)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LockedFile(_Strict):
    """`size` in bytes."""

    sha256: Sha256
    size: Annotated[int, Field(ge=0)]


class LockedFolder(_Strict):
    """`source` as it was named, `files` by their path in it."""

    source: Annotated[str, Field(pattern=r"^(hf|ngc)://[A-Za-z0-9._+:/@-]+$")]
    files: Mapping[InsidePath, LockedFile]


class HubLock(_Strict):
    """By the folder's path in the model repository."""

    version: Literal[1] = 1
    folders: Mapping[InsidePath, LockedFolder] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """`field` of the lock, empty for all of it, and a sentence that quotes its value."""

    field: str
    what: str


class HubLockError(ValueError):
    """The lock cannot be used, for every one of `mistakes`."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__(" ".join(f"{one.field}: {one.what}" if one.field else one.what for one in mistakes))


def read_hub_lock(root: Path) -> HubLock:
    """What the repository at `root` notes; nothing where there is no lock. HubLockError where it cannot be read."""
    try:
        return parse_hub_lock((root / LOCK).read_bytes())
    except FileNotFoundError:
        return HubLock()
    except OSError as refused:
        raise HubLockError(Mistake(field="", what=f"The file cannot be read: {refused.strerror}.")) from None


def parse_hub_lock(text: bytes) -> HubLock:
    """HubLockError for whatever is no lock."""
    try:
        return HubLock.model_validate_json(text)
    except ValidationError as refused:
        raise HubLockError(
            *(
                Mistake(field=_field(one["loc"]), what=_what(one["type"], one["msg"], one["input"]))
                for one in refused.errors(include_url=False)
            )
        ) from None


def hub_lock_text(lock: HubLock) -> str:
    return json.dumps(lock.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


def _field(path: tuple[str | int, ...]) -> str:
    """`folders["llm/1"].files["model.bin"].size`: what stands for a path is quoted."""
    text = "".join(
        f"[{json.dumps(part)}]" if depth in (1, 3) else f".{part}" for depth, part in enumerate(path) if part != "[key]"
    )
    return text.removeprefix(".")


def _what(kind: str, message: str, value: object) -> str:
    said = message.removeprefix("Value error, ").removeprefix("Invalid JSON: ")
    shown = f"{value!r:.80}" if isinstance(value, str | int | float | None) else "What stands here"
    match kind:
        case "json_invalid":
            return f"The file is no JSON: {said}."
        case "missing":
            return "This is missing."
        case "extra_forbidden":
            return f"This field is not known; its value is {value!r:.80}."
        case "value_error":
            return f"{shown} {said}."
        case _:
            return f"{shown} will not do: {said[:1].lower()}{said[1:]}."
