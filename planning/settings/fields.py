"""What the settings declare at a place in a stack file: its model, its type, the kinds that it offers."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from planning.settings.root import Settings

Location = Sequence[int | str]
"""A place as pydantic names it: fields, keys and indices, and between them the tags of unions."""


def tags_at(loc: Location) -> list[str]:
    """The `kind`s of the union at `loc`."""
    return [_tag(member) for member in _members(annotation_at(loc))]


def _tag(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["kind"].annotation)[0])


def model_at(loc: Location) -> type[BaseModel] | None:
    """The model at `loc`, or None where something else stands."""
    annotation = annotation_at(loc)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def annotation_at(loc: Location) -> Any:
    """The type that the settings declare at pydantic's location `loc`, tags included."""
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
