"""What the settings declare at a place in a stack file: its model, its type, the kinds that it offers."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Location = Sequence[int | str]
"""A place as pydantic names it: fields, keys and indices, and between them the tags of unions."""


def tags_at(loc: Location) -> list[str]:
    """The `kind`s of the union at `loc`."""
    return [_tag(member) for member in _members(annotation_at(loc))]


def choices_at(loc: Location) -> list[str]:
    """The values of the literal at `loc`."""
    literal = annotation_at(loc)
    return [str(choice) for choice in get_args(literal)] if get_origin(literal) is Literal else []


def _tag(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["kind"].annotation)[0])


def model_at(loc: Location) -> type[BaseModel] | None:
    """The model at `loc`, or None where something else stands."""
    annotation = annotation_at(loc)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def examples_at(loc: Location) -> list[str]:
    """What the settings give as examples for the value at `loc`, or for a key where `loc` ends in `[key]`."""
    keys = loc[-1:] == ("[key]",)
    holder = annotation_at(loc[: -2 if keys else -1])
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        field = holder.model_fields.get(str(loc[-1]))
        return [] if field is None else [*map(str, field.examples or [])] or _examples(field.annotation)
    if get_origin(holder) in (dict, list):
        return _examples(get_args(holder)[0 if keys else -1])
    return []


def _examples(annotation: Any) -> list[str]:
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        own = [example for item in metadata if isinstance(item, FieldInfo) for example in item.examples or []]
        return [str(example) for example in own] or _examples(inner)
    if get_origin(annotation) in (Union, UnionType):
        return [example for member in get_args(annotation) for example in _examples(member)]
    return []


def annotation_at(loc: Location) -> Any:
    """The type that the settings declare at pydantic's location `loc`, tags included."""
    from planning.settings.root import Settings  # all of them, where something is wrong and has to be told

    here: Any = Settings
    for part in loc:
        here = _bare(here)
        if get_origin(here) in (dict, list):
            here = get_args(here)[-1]
        elif isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            if field is None:
                return None
            here = field.annotation
        elif members := _members(here):
            here = next((member for member in members if _tag(member) == part), None)
    return _bare(here)


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        present = [member for member in get_args(annotation) if member is not type(None)]
        if len(present) == 1:
            return _bare(present[0])
    return annotation


def _members(annotation: Any) -> list[type[BaseModel]]:
    """The models of a discriminated union; empty for anything else."""
    if get_origin(annotation) not in (Union, UnionType):
        return []
    members = [_bare(member) for member in get_args(annotation)]
    return [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
