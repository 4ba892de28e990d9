"""What every part of the settings has in common: unknown fields are refused, nothing changes afterwards, and the text
below a field says what it means."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for field, meaning in meanings(cls).items():
            properties[field]["description"] = meaning
        return schema


@cache
def meanings(model: type[BaseModel]) -> Mapping[str, str]:
    """What is written below each field of the settings, where something is. Read when somebody asks: pydantic's own
    reading (`use_attribute_docstrings`) is a third of the time in which the settings are imported."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if owner is not Strict and issubclass(owner, Strict):
            found |= _below(owner)
    return found


def _below(model: type[BaseModel]) -> Mapping[str, str]:
    written = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(written, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in zip(written.body, written.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
