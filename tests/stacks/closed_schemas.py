"""Schemas of definitions held strictly: an API server drops a field that it does not know, and that is our mistake."""

from __future__ import annotations

from typing import Any


def closed(value: Any) -> Any:  # whatever a schema has
    """`value` with every object closed whose fields are listed."""
    match value:
        case {"properties": dict(), **rest} if "additionalProperties" not in rest:
            return {key: closed(inner) for key, inner in value.items()} | {"additionalProperties": False}
        case dict():
            return {key: closed(inner) for key, inner in value.items()}
        case list():
            return [closed(inner) for inner in value]
        case _:
            return value
