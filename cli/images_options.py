"""What the commands of `tritonup images` share: their options, and what those mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.credentials import find_credentials
from cli.destinations import stop
from cli.lock_file import LockFileError, read_lock
from cli.registry import Registries
from planning.images import ImageLock

LockPath = Annotated[Path, typer.Option("--lock", metavar="FILE", help="The image lock.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
PlainHttp = Annotated[bool, typer.Option("--plain-http", help="Talk HTTP: for a registry without TLS.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long a registry may take to answer.")]


def read_the_lock(path: Path) -> ImageLock:
    try:
        return read_lock(path)
    except LockFileError as refused:
        stop(str(refused))


def registries_of(plain_http: bool, timeout: float) -> Registries:
    return Registries(
        credentials=lambda host: find_credentials(host, os.environ, Path.home()),
        plain_http=plain_http,
        answer_seconds=timeout,
    )
