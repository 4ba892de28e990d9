"""From the plain data of a stack file to `Settings`, or to every error in it at once.

A value is quoted only where the field is known and nothing about it looks like a secret: people paste
tokens into the wrong line, and a finding ends up in a CI log.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from planning.findings import Finding, Rule, Severity, dotted, setting
from planning.settings.fields import Location, model_at, tags_at
from planning.settings.root import Settings

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""What a YAML or JSON file holds."""

UNKNOWN_FIELD = Rule("TU101", Severity.ERROR, "Every field of a stack file is one that the settings know")
MISSING_FIELD = Rule("TU102", Severity.ERROR, "Every field that has no default is given")
WRONG_KIND = Rule("TU103", Severity.ERROR, "Every `kind` is one of those that its block offers")
WRONG_VALUE = Rule("TU104", Severity.ERROR, "Every value has the form that its field asks for")
SECRET_IN_SETTINGS = Rule(
    "TU105", Severity.ERROR, "Secrets are Pulumi secrets of their own, never part of the settings"
)

_SECRET_NAME = re.compile(r"(?i)(secret|token|password|passwd|credential|api_?key|private|secure)")
_LONGEST_QUOTE = 60


def read_settings(raw: Plain) -> Settings | tuple[Finding, ...]:
    """The settings that `raw` (the parsed `tritonup:settings`) states, or a finding for each error in it."""
    secrets = tuple(_secrets(raw, ()))
    if secrets:
        return secrets
    try:
        return Settings.model_validate(raw)
    except ValidationError as refused:
        return tuple(_finding(raw, error) for error in refused.errors(include_url=False))


def _secrets(value: Plain, path: tuple[str | int, ...]) -> Iterator[Finding]:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield Finding(
                rule=SECRET_IN_SETTINGS,
                at=setting(dotted(path)),
                what="holds an encrypted value.",
                fix="Take it out of tritonup:settings and name a Kubernetes Secret there instead.",
            )
            return
        for key, inner in value.items():
            yield from _secrets(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _secrets(inner, (*path, index))


def _finding(raw: Plain, error: ErrorDetails) -> Finding:
    path = _path(raw, error["loc"])
    at = setting(dotted(path) or "tritonup:settings")
    name = str(path[-1]) if path else "tritonup:settings"
    match error["type"]:
        case "extra_forbidden":
            return Finding(
                rule=UNKNOWN_FIELD,
                at=at,
                what=f"{name!r} is not a field here.",
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
            tag = error.get("ctx", {}).get("tag")
            return Finding(
                rule=WRONG_KIND,
                at=setting(f"{at.field}.kind"),
                what=f"{_quote(tag, 'kind')} is not a kind of {name}.",
                fix=_nearest(str(tag), tags_at(error["loc"])),
            )
        case _:
            return Finding(
                rule=WRONG_VALUE,
                at=at,
                what=f"{_quote(_offender(raw, error, path), *path)} {_rule(error)}.",
                fix=_write(error, name),
            )


def _path(raw: Plain, loc: Location) -> tuple[str | int, ...]:
    """`loc` without the tags that pydantic puts between the fields of a discriminated union."""
    path: list[str | int] = []
    here = raw
    for depth, part in enumerate(loc):
        if part == "[key]":
            break
        last = depth == len(loc) - 1
        if not last and isinstance(here, dict) and str(part) not in here and here.get("kind") == part:
            continue
        path.append(part)
        here = _inside(here, part)
    return tuple(path)


def _inside(here: Plain, part: str | int) -> Plain:
    match here:
        case dict():
            return here.get(str(part))
        case list() if isinstance(part, int) and part < len(here):
            return here[part]
        case _:
            return None


def _offender(raw: Plain, error: ErrorDetails, path: Sequence[str | int]) -> Plain:
    if error["loc"][-1:] == ("[key]",):
        return path[-1]
    return reduce(_inside, path, raw)


def _quote(value: object, *path: str | int) -> str:
    if any(_SECRET_NAME.search(str(part)) for part in path):
        return "the value (not shown)"
    if isinstance(value, str | int | float | bool) or value is None:
        text = repr(value) if value is not None else "nothing"
        return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}… ({len(text)} characters)"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "the value"


def _rule(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "string_pattern_mismatch":
            return f"does not have the form {context['pattern']}"
        case "literal_error" | "enum":
            return f"is not one of {context['expected']}"
        case "string_type":
            return "is not text"
        case "value_error":
            return str(context["error"])
        case "model_type" | "dict_type" | "model_attributes_type":
            return "stands where a mapping is needed"
        case "list_type":
            return "stands where a list is needed"
        case _:
            message = error["msg"].removeprefix("Input ")
            return message[:1].lower() + message[1:]


def _write(error: ErrorDetails, name: str) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "string_type":
            return f'Put quotation marks around it: `{name}: "…"`.'
        case "literal_error" | "enum":
            return f"Write one of {context['expected']}."
        case "string_pattern_mismatch":
            examples = _examples(error["loc"])
            return f"Write it like {examples}." if examples else "Write a value of that form."
        case _:
            return "Write a value that keeps to this."


def _known(loc: Location, name: str) -> str:
    model = model_at(loc[:-1])
    return _nearest(name, sorted(model.model_fields)) if model else "Remove it."


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    listed = ", ".join(known)
    return f"Did you mean {close[0]!r}? Known are: {listed}." if close else f"Write one of: {listed}."


def _add(loc: Location, name: str) -> str:
    model = model_at(loc[:-1])
    field = model.model_fields.get(name) if model else None
    meaning = f" {field.description.split('. ')[0].rstrip('.')}." if field and field.description else ""
    return f"Add `{name}:`.{meaning}"


def _examples(loc: Location) -> str:
    model = model_at(loc[:-1])
    field = model.model_fields.get(str(loc[-1])) if model else None
    return " or ".join(str(example) for example in (field.examples or [])) if field else ""
