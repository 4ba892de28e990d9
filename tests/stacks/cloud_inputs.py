"""Recorded inputs held against the argument types of the provider's own SDK: names as they travel, and types.

The SDK checks neither: a dict with a misspelt key, or text where a number belongs, is found by the cloud.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pulumi._types import input_type_types, is_input_type, unwrap_type

from stacks.recording import is_unknown


def unfitting(token: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """What of `inputs` a resource of type `token` has not, or has of another type."""
    package, module, name = token.split(":")
    sdk = importlib.import_module(f"pulumi_{package}.{module.partition('/')[0]}")
    resource = getattr(sdk, name)
    # Where a block has the name of a resource, the resource's own arguments are called otherwise.
    own = importlib.import_module(resource.__module__)
    arguments = getattr(own, f"{name}InitArgs", None) or getattr(own, f"{name}Args")
    yield from _of_type(inputs, arguments, "")


def _of_type(value: Any, expected: Any, path: str) -> Iterator[str]:
    expected = unwrap_type(expected)
    if value is None or is_unknown(value):
        return
    if isinstance(expected, type) and is_input_type(expected):
        if not isinstance(value, Mapping):
            yield f"{path}: {value!r} is not a block"
            return
        known = input_type_types(expected)
        for key, inner in value.items():
            where = f"{path}.{key}" if path else key
            if key not in known:
                yield f"{where} is not an input"
            else:
                yield from _of_type(inner, known[key], where)
        return
    origin = get_origin(expected)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            yield f"{path}: {value!r} is not a mapping"
            return
        for key, inner in value.items():
            yield from _of_type(inner, get_args(expected)[1], f"{path}.{key}")
    elif isinstance(value, list):
        arguments = get_args(expected)
        if origin is None or not arguments:
            yield f"{path}: a list is not {_named(expected)}"
            return
        for index, inner in enumerate(value):
            yield from _of_type(inner, arguments[0], f"{path}.{index}")
    elif isinstance(expected, type) and not _is(value, expected):
        yield f"{path}: {value!r} is not {_named(expected)}"


def _is(value: Any, expected: type) -> bool:
    """A whole number travels as a float, and is one again here; truth is no number."""
    if expected is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))


def _named(expected: Any) -> str:
    return getattr(expected, "__name__", str(expected))
