"""Which store a stack's models are in, and which digests its servers and those of other stacks name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import typer
from rich.markup import escape

from cli.console import Exit, err
from cli.project import PlannedStack, planned_stack, stacks_of
from planning.engines.builder import published_sources
from planning.engines.orders import SOURCES
from planning.settings.repository import S3, Destination, Gs, ModelRepository, S3Compatible
from publishing.layout import Identity, read_layout
from publishing.store import Store
from stacks.stackfile import StackFile, read_stack_file


def complain(text: str) -> None:
    err.print(f"[bold red]error:[/] {escape(text)}")


def stop(text: str, status: Exit = Exit.USAGE) -> NoReturn:
    complain(text)
    raise typer.Exit(status)


def repository_of(root: Path, stack: str) -> ModelRepository:
    """The stack file's `model_repository`, without the models themselves being looked at."""
    file = read_stack_file(root, stack)
    if not isinstance(file, StackFile):
        for finding in file:
            err.print(str(finding), style="red", markup=False)
        raise typer.Exit(Exit.FINDINGS)
    return file.settings.model_repository


def open_store(repository: ModelRepository, override: str | None) -> Store:
    """The stack's bucket, or what `--store` names: a URL, or a directory by its path."""
    if override is not None:
        is_path = override.startswith(("/", "./", "../"))
        return Store(f"file://{Path(override).resolve()}" if is_path else override)
    match repository.destination:
        case S3() as s3:
            return Store(f"s3://{s3.bucket}/{s3.prefix or ''}", region=s3.region)
        case S3Compatible() as s3:
            return Store(f"s3://{s3.bucket}/{s3.prefix or ''}", region=s3.region, endpoint=s3.endpoint)
        case Gs() as gs:
            return Store(f"gs://{gs.bucket}/{gs.prefix or ''}")
        case other:
            stop(
                f"model_repository.destination of kind {other.kind!r} is no store that this command can write to or"
                " read. Name one with --store: s3://bucket/prefix, gs://bucket/prefix or ./directory."
            )


def same_place(one: Destination, other: Destination) -> bool:
    """Whether they are one place, however its models come from there into pods."""
    place = {"kind", "endpoint", "bucket", "prefix", "claim", "repository", "path"}
    return one.model_dump(include=place) == other.model_dump(include=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A stack, and who of it reads the destination: `servers` in `namespace`."""

    stack: str
    namespace: str
    servers: tuple[str, ...]
    destination: Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What stack files name: the stacks by server and digest, the stacks whose digests cannot be told, and where the
    others' servers are."""

    by: Mapping[Identity, tuple[str, ...]]
    untold: tuple[str, ...]
    readers: tuple[Reader, ...]


def named_by_stacks(root: Path) -> Named:
    """The digests that the stacks of this project would serve, from its model repository as it lies here."""
    by: dict[Identity, tuple[str, ...]] = {}
    untold: list[str] = []
    readers: list[Reader] = []
    for stack in stacks_of(root):
        loaded = planned_stack(root, stack)
        if not isinstance(loaded, PlannedStack):
            untold.append(stack)
            continue
        planned = {server.name: server.served.digest for server in loaded.plan.servers}
        if planned.keys() != loaded.plan.settings.servers.keys():
            untold.append(stack)
        settings = loaded.plan.settings
        readers.append(
            Reader(
                stack=stack,
                namespace=settings.namespace,
                servers=tuple(settings.servers),
                destination=settings.model_repository.destination,
            )
        )
        sources = ((SOURCES, digest) for digest in published_sources(loaded.plan.builder))
        for identity in (*planned.items(), *sources):
            by[identity] = (*by.get(identity, ()), stack)
    return Named(by=by, untold=tuple(untold), readers=tuple(readers))


def whole_digest(store: Store, server: str, text: str) -> str:
    """The digest that `text`, its first 8 digits or more, stands for in the store."""
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text
    if not re.fullmatch(r"[0-9a-f]{8,63}", text):
        stop(f"{text!r} is no digest, nor the first 8 digits or more of one.")
    there = sorted(
        digest for its, digest in read_layout(store.list(server)) if its == server and digest.startswith(text)
    )
    if len(there) != 1:
        found = ", ".join(there) or "none"
        stop(f"{text!r} stands for no single digest of {server!r} in {store.url}: {found}.", Exit.FINDINGS)
    return there[0]
