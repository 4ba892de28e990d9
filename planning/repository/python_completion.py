"""What a Python model's `auto_complete_config` says in plain words, without being run.

Its statements are followed as long as each is one that cannot mean anything else: a literal that gets a name, or a call
of the config that it was given. What comes after the first other statement that touches the config is not looked at.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

METHOD = "auto_complete_config"
_CALLED = ("set_max_batch_size", "set_dynamic_batching", "set_model_transaction_policy", "add_input", "add_output")

UNKNOWN: Final = object()
"""A value that only running the code would tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A method of the config that is called in `line`; `argument` is a literal, a mapping of its fields, or UNKNOWN."""

    method: str
    line: int
    argument: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """`calls` are those that surely happen, in order. `returns` is whether anything is returned."""

    calls: tuple[Call, ...]
    returns: bool


def read_completion(tree: ast.Module, model: ast.ClassDef) -> Completion | None:
    """What the class `model` of `tree` completes; None where it does not, or where that may be made elsewhere."""
    names = (getattr(node, key, None) for node in ast.walk(tree) for key in ("name", "attr", "id"))
    if Counter(names)[METHOD] != 1 or Counter(_classes(tree))[model.name] != 1:
        return None
    found = [node for node in model.body if isinstance(node, ast.FunctionDef) and node.name == METHOD]
    if not found or model.decorator_list or [ast.unparse(one) for one in found[0].decorator_list] != ["staticmethod"]:
        return None
    given = found[0].args
    if len(given.args) != 1 or given.vararg or given.kwonlyargs or given.kwarg or given.posonlyargs:
        return None
    return Completion(calls=tuple(_calls(found[0], given.args[0].arg)), returns=_returns(found[0]))


def _classes(tree: ast.Module) -> Iterator[str]:
    return (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _returns(method: ast.FunctionDef) -> bool:
    left: list[ast.AST] = list(method.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.Return) and node.value is not None:
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            left += ast.iter_child_nodes(node)
    return False


def _calls(method: ast.FunctionDef, config: str) -> Iterator[Call]:
    known: dict[str, object] = {}
    for statement in method.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name != config and config not in _names(value):
                for mentioned in _names(value):
                    known.pop(mentioned, None)  # two names for one dictionary
                known[name] = _value(value)
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=called), keywords=[]) as call
            ) if owner == config and called in _CALLED and len(call.args) == (called != "set_dynamic_batching"):
                argument = call.args[0] if call.args else None
                yield Call(method=called, line=statement.lineno, argument=_argument(argument, known))
            case _ if config in _names(statement) or _may_end(statement):
                return
            case _:
                for mentioned in _names(statement):
                    known.pop(mentioned, None)


def _argument(node: ast.expr | None, known: Mapping[str, object]) -> object:
    if node is None:
        return UNKNOWN
    return known.get(node.id, UNKNOWN) if isinstance(node, ast.Name) else _value(node)


def _value(node: ast.expr) -> object:
    match node:
        case ast.Dict(keys=keys, values=values):
            names = [key.value if isinstance(key, ast.Constant) else None for key in keys]
            if not all(isinstance(name, str) for name in names):
                return UNKNOWN
            return dict(zip(cast("list[str]", names), map(_value, values), strict=True))
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if all(one.arg for one in keywords):
            return {cast("str", one.arg): _value(one.value) for one in keywords}
        case _:
            try:
                return ast.literal_eval(node)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                return UNKNOWN


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _may_end(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Return | ast.Raise | ast.Assert) for one in ast.walk(node))
