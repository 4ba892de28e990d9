"""Which store a stack's models are in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

import typer

from cli.ends import Exit
from planning.settings.repository import S3, Gs, ModelRepository, S3Compatible
from publishing.layout import read_layout
from publishing.store import Store
from stacks.stackfile import read_model_repository


def complain(text: str) -> None:
    from rich.markup import escape

    from cli.console import err

    err.print(f"[bold red]error:[/] {escape(text)}")


def stop(text: str, status: Exit = Exit.USAGE) -> NoReturn:
    complain(text)
    raise typer.Exit(status)


def repository_of(root: Path, stack: str) -> ModelRepository:
    """The stack file's `model_repository`, without anything else of it or the models themselves being looked at."""
    read = read_model_repository(root, stack)
    if isinstance(read, ModelRepository):
        return read
    from cli.console import err

    for finding in read:
        err.print(str(finding), style="red", markup=False)
    raise typer.Exit(Exit.FINDINGS)


def open_store(repository: ModelRepository, override: str | None, *, must_exist: bool = True) -> Store:
    """The stack's bucket, or what `--store` names: a URL, or a directory by its path. Who publishes may make that."""
    if override is not None:
        is_path = override.startswith(("/", "./", "../"))
        return Store(f"file://{Path(override).resolve()}" if is_path else override, must_exist=must_exist)
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
