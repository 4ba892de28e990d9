"""From the plain data of a stack file to `Settings`, or to every error in it at once.

Nothing that looks like a secret is ever quoted; see `planning.settings.quoting`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from planning.findings import Finding, Rule, Severity, setting
from planning.settings.base import meanings
from planning.settings.fields import Location, choices_at, examples_at, model_at, tags_at
from planning.settings.quantities import NotOneError
from planning.settings.quoting import NOT_SHOWN, looks_secret, quoted, shown_path
from planning.settings.repository import ModelRepository
from planning.settings.volumes import LEFT_OUT

if TYPE_CHECKING:
    from planning.settings.root import Settings

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""What a YAML or JSON file holds."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the settings down to a value."""

UNKNOWN_FIELD = Rule("TU101", Severity.ERROR, "Every field of a stack file is one that the settings know")
MISSING_FIELD = Rule("TU102", Severity.ERROR, "Every field that has no default is given")
WRONG_KIND = Rule("TU103", Severity.ERROR, "Every `kind` is one of those that its block offers")
WRONG_VALUE = Rule("TU104", Severity.ERROR, "Every value has the form that its field asks for")
SECRET_IN_SETTINGS = Rule(
    "TU105", Severity.ERROR, "Secrets are Pulumi secrets of their own, never part of the settings"
)

WHOLE = "tritonup:settings"


def read_settings(raw: Plain) -> Settings | tuple[Finding, ...]:
    """The settings that `raw` (the parsed `tritonup:settings`) states, or a finding for each error in it."""
    from planning.settings.root import Settings

    secrets = tuple(_secrets(raw, ()))
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as refused:
        others = ((_path(error["loc"]), error) for error in refused.errors(include_url=False))
        return (
            *(_secret(path) for path in secrets),
            *(_finding(raw, path, error) for path, error in others if not _inside_any(path, secrets)),
        )
    return tuple(_secret(path) for path in secrets) or settings


def read_repository_block(raw: Plain) -> ModelRepository | tuple[Finding, ...]:
    """The block `model_repository` of `raw` alone, where all of `raw` need not be right. Where the block is not, a
    finding for each error in `raw`."""
    block = raw.get("model_repository") if isinstance(raw, dict) else None
    try:
        return ModelRepository.model_validate(block)
    except ValidationError:
        read = read_settings(raw)
        return read if isinstance(read, tuple) else read.model_repository


def _secrets(value: Plain, path: Path) -> Iterator[Path]:
    """Where the engine's encrypted values are."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield path
            return
        for key, inner in value.items():
            yield from _secrets(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _secrets(inner, (*path, index))


def _inside_any(path: Path, outer: Sequence[Path]) -> bool:
    return any(path[: len(each)] == each for each in outer)


def _secret(path: Path) -> Finding:
    return Finding(
        rule=SECRET_IN_SETTINGS,
        at=setting(shown_path(path) or WHOLE),
        what="holds an encrypted value.",
        fix="Take it out of tritonup:settings and name a Kubernetes Secret there instead.",
    )


def _finding(raw: Plain, path: Path, error: ErrorDetails) -> Finding:
    at = setting(shown_path(path) or WHOLE)
    name = str(path[-1]) if path else WHOLE
    offender = reduce(_inside, path, raw)
    match error["type"]:
        case "extra_forbidden":
            shown = NOT_SHOWN if looks_secret(name) else repr(name)
            return Finding(
                rule=UNKNOWN_FIELD,
                at=at,
                what=f"{shown} is not a field here.",
                fix=_known(error["loc"], name),
            )
        case "missing":
            return Finding(rule=MISSING_FIELD, at=at, what="is missing.", fix=_add(error["loc"], name))
        case "union_tag_not_found":
            return Finding(
                rule=WRONG_KIND,
                at=at,
                what="says no `kind`.",
                fix=f"Write `kind:` with one of: {', '.join(tags_at(error['loc']))}.",
            )
        case "union_tag_invalid":
            return _wrong_kind((*path, "kind"), _inside(offender, "kind"), tags_at(error["loc"]))
        case "literal_error" if name == "kind":
            return _wrong_kind(path, offender, choices_at(error["loc"]))
        case _:
            value = name if error["loc"][-1:] == ("[key]",) else offender
            return Finding(
                rule=WRONG_VALUE,
                at=at,
                what=f"{quoted(value, path)} {_rule(error)}.",
                fix=_write(error, path, value),
            )


def _wrong_kind(path: Path, kind: Plain, offered: Sequence[str]) -> Finding:
    block = path[-2] if len(path) > 1 else WHOLE
    of = f"entry {block} here" if isinstance(block, int) else NOT_SHOWN if looks_secret(block) else block
    return Finding(
        rule=WRONG_KIND,
        at=setting(shown_path(path)),
        what=f"{quoted(kind, path)} is not a kind of {of}.",
        fix=LEFT_OUT.get(str(kind)) or _nearest(kind if isinstance(kind, str) else "", offered),
    )


def _path(loc: Location) -> Path:
    """`loc` without the tags that pydantic puts after each discriminated union, and without its mark for keys."""
    parts = loc[:-1] if loc[-1:] == ("[key]",) else loc
    return tuple(part for depth, part in enumerate(parts) if not tags_at(parts[:depth]))


def _inside(here: Plain, part: str | int) -> Plain:
    match here:
        case dict():
            return here.get(str(part))
        case list() if isinstance(part, int) and part < len(here):
            return here[part]
        case _:
            return None


def _rule(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "string_pattern_mismatch":
            return f"does not have the form {context['pattern']}"
        case "literal_error" | "enum":
            return f"is not one of {context['expected']}"
        case "string_type":
            return "is not text"
        case "int_type" | "float_type":
            return "is not a number" if error["type"] == "float_type" else "is not a whole number"
        case "string_too_short":
            return f"is shorter than {context['min_length']} characters"
        case "too_short":
            return f"of {context['actual_length']} is shorter than {context['min_length']}"
        case "value_error":
            return str(context["error"])
        case "model_type" | "dict_type" | "model_attributes_type":
            return "stands where a mapping is needed"
        case "list_type":
            return "stands where a list is needed"
        case _:
            message = error["msg"].removeprefix("Input ")
            return message[:1].lower() + message[1:]


def _write(error: ErrorDetails, path: Path, value: Plain) -> str:
    context = error.get("ctx", {})
    named = f"{path[-1]}: " if path and isinstance(path[-1], str) else "- "
    match error["type"]:
        case "string_type" if value is None or isinstance(value, dict | list):
            return "Write text there, or take the field out."
        case "string_type":
            return f'Put quotation marks around it: `{named}"…"`.'
        case "int_type" | "float_type":
            return f"Write a number, without quotation marks: `{named}1`."
        case "literal_error" | "enum":
            return f"Write one of {context['expected']}."
        case "too_short":
            return f"Write at least {context['min_length']}."
        case "model_type" | "dict_type" | "model_attributes_type":
            return "Write its fields below it, each on a line of its own, indented."
        case "list_type":
            return "Write its entries below it, each on a line of its own after `- `."
        case "value_error" if isinstance(refused := context.get("error"), NotOneError) and refused.meant:
            return f"Write {' or '.join(f'`{named}{one}`' for one in refused.meant)}, if that is meant."
        case "value_error":
            return "Write a value that keeps to this."
        case _:
            examples = examples_at(error["loc"])
            return f"Write it like {' or '.join(examples)}." if examples else "Write a value that keeps to this."


def _known(loc: Location, name: str) -> str:
    model = model_at(loc[:-1])
    return _nearest(name, sorted(model.model_fields)) if model else "Remove it."


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    listed = ", ".join(known)
    return f"Did you mean {close[0]!r}? Known are: {listed}." if close else f"Write one of: {listed}."


def _add(loc: Location, name: str) -> str:
    model = model_at(loc[:-1])
    meaning = meanings(model).get(name) if model else None
    return f"Add `{name}:`." + (f" {meaning.split('. ')[0].rstrip('.')}." if meaning else "")
