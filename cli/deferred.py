"""Commands that are imported when they are called: none waits for what only others need.

Typer builds the whole of an application when it starts. A group of these knows of each command its name, where it is
and how its help begins, which is what lists of commands show.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


def deferred(commands: Mapping[str, tuple[str, str]]) -> type[TyperGroup]:
    """The group of `commands`, by their name: `module:name` of a function or a Typer, and how its help begins."""

    class Deferred(TyperGroup):
        def __init__(self, **settings: Any) -> None:  # as Typer makes it
            super().__init__(**settings)
            self.commands.update({name: TyperCommand(name, help=begins) for name, (_, begins) in commands.items()})

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # the types are of a private module of Typer
            """What is called, imported."""
            name, stand_in, rest = super().resolve_command(ctx, args)
            return name, stand_in and _imported(commands[stand_in.name or ""][0], stand_in.name or ""), rest

    return Deferred


def _imported(at: str, name: str) -> TyperCommand | TyperGroup:
    module, _, attribute = at.partition(":")
    found = getattr(import_module(module), attribute)
    holder = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    command = get_group(holder).commands[name]
    assert isinstance(command, TyperCommand | TyperGroup)
    return command
