"""Parsing `config.pbtxt`, and saying what is wrong with it.

`config.pbtxt` is protobuf's text format of Triton's ModelConfig. Triton stops at the first mistake in a
file (ReadTextProto, core/src/filesystem/api.cc), and so does this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from planning.repository.config import ModelConfig, empty_config
from planning.repository.generated import load
from planning.repository.lines import line_of
from planning.repository.strictness import Unwritable, refused_text, too_great, unnamed_number
from planning.repository.suggestion import did_you_mean, nearest


@dataclass(kw_only=True)
class ConfigSyntaxError(Exception):
    """Why a text is not a ModelConfig. `line` and `column` count from 1; `field` is the name at fault,
    where one is."""

    line: int
    column: int
    what: str
    fix: str
    field: str = ""


def parse_config(text: str) -> ModelConfig:
    """The message that `text` spells, or ConfigSyntaxError."""
    text_format = load("google.protobuf", "text_format")
    config = empty_config()
    if (wrong := refused_text(text)) is not None:
        raise _refused(wrong, text)
    try:
        text_format.Parse(text, config)
    except text_format.ParseError as error:
        raise _mistake(cast("_ParseError", error), text) from None
    except ValueError as error:  # a number of an enumeration that is none of 32 bits
        raise _refused(too_great(error, text), text) from None
    if (wrong := unnamed_number(config)) is not None:
        raise _refused(wrong, text)
    return config


def _refused(wrong: Unwritable, text: str) -> ConfigSyntaxError:
    line = wrong.line or line_of(text, wrong.field) or 1
    return ConfigSyntaxError(line=line, column=1, field=wrong.field, what=wrong.what, fix=wrong.fix)


class _ParseError(Protocol):
    def GetLine(self) -> int | None: ...  # noqa: N802
    def GetColumn(self) -> int | None: ...  # noqa: N802


class _Descriptor(Protocol):
    fields_by_name: Mapping[str, object]
    values_by_name: Mapping[str, object]


_NO_FIELD = re.compile(r'Message type "(?P<owner>[\w.]+)" has no field named "(?P<word>[^"]+)"')
_NO_VALUE = re.compile(r'Enum type "(?P<owner>[\w.]+)" has no value named (?P<word>\S+?)\.?$')
_ONEOF = re.compile(r'Field "(?P<word>\w+)" is specified along with field "(?P<other>\w+)"')
_TWICE = re.compile(r'should not have multiple "(?P<word>\w+)" fields')

_LONGEST_QUOTE = 60

_OTHER_NAMES = {
    "TYPE_BYTES": "TYPE_STRING",  # BYTES is its name in requests: model_configuration.md, "Datatypes"
    "TYPE_FLOAT": "TYPE_FP32",
    "TYPE_DOUBLE": "TYPE_FP64",
    "TYPE_HALF": "TYPE_FP16",
    "TYPE_LONG": "TYPE_INT64",
    "TYPE_INT": "TYPE_INT32",
}
"""What people write who come from ONNX, numpy or a client."""


def _mistake(error: _ParseError, text: str) -> ConfigSyntaxError:
    line, column = error.GetLine() or 1, error.GetColumn() or 1
    lines = text.splitlines()
    written = lines[line - 1].strip() if line <= len(lines) else ""
    field, what, fix = _explained(re.sub(r"^\d+:\d+ : ", "", str(error)), written)
    return ConfigSyntaxError(line=line, column=column, field=field, what=what, fix=fix)


def _explained(message: str, written: str) -> tuple[str, str, str]:
    pool = load("tritonclient.grpc", "model_config_pb2").DESCRIPTOR.pool
    if found := _NO_FIELD.search(message):
        word, owner = found["word"], found["owner"]
        known = cast("_Descriptor", pool.FindMessageTypeByName(owner)).fields_by_name
        kind = owner.removeprefix("inference.")
        fix = did_you_mean(word, known) + f"{kind} knows {_listed(known)}."
        return word, f"{kind} has no field {word!r}.", fix
    if found := _NO_VALUE.search(message):
        word, owner = found["word"], found["owner"]
        values = cast("_Descriptor", pool.FindEnumTypeByName(owner)).values_by_name
        known = [name for name in values if name != "TYPE_INVALID"]
        kind = owner.removeprefix("inference.")
        other = _OTHER_NAMES.get(word) or _by_ending(word, known) or nearest(word, known)
        hint = f"Did you mean {other!r}? " if other else ""
        return "", f"{word!r} is not a value of {kind}.", f"{hint}{kind} is one of {_listed(known)}."
    if found := _ONEOF.search(message):
        word, other = found["word"], found["other"]
        return word, f"{word!r} and {other!r} exclude each other.", f"Keep one of {word!r} and {other!r}."
    if found := _TWICE.search(message):
        word = found["word"]
        return word, f"{word!r} is given twice.", f"Keep one {word!r}."
    # The parser quotes the whole line before what it says about it.
    reason = re.sub(r"^'.*?': (?=[A-Z])", "", message).rstrip(".")
    there = f" in {_shortened(written)!r}" if written and written not in reason else ""
    return "", f"it cannot be parsed: {reason}{there}.", "Write it in protobuf's text format."


def _shortened(written: str) -> str:
    return written if len(written) <= _LONGEST_QUOTE else f"{written[:_LONGEST_QUOTE]}…"


def _by_ending(word: str, known: list[str]) -> str | None:
    return next((name for name in known if name.endswith(f"_{word.upper()}")), None)


def _listed(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(sorted(names))
