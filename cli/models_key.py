"""The key that signs: `tritonup models key` makes one, and commands that publish ask for it by `--key`."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer

from cli.console import Exit, err, out
from cli.destinations import complain, stop
from planning.settings.keys import PublicKey
from planning.signing import Trust
from publishing.keys import KeyFileError, SigningKey, make_signing_key, read_signing_key

Key = Annotated[
    Path | None,
    typer.Option(
        "--key", envvar="TRITONUP_SIGNING_KEY", metavar="FILE", help="The private key that signs (PEM, elliptic curve)."
    ),
]

PASSWORD = "TRITONUP_SIGNING_PASSWORD"  # noqa: S105  the name of a variable


def make_key(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write the private key; nothing is there yet.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the stack file calls the key; left out, the file's name.")
    ] = None,
) -> None:
    """Make a key that signs. Prints what a stack file says of it, to stand under `model_repository`."""
    try:
        public = make_signing_key(file, os.environ.get(PASSWORD))
    except KeyFileError as refused:
        stop(str(refused))
    out.print(trusted_block(name or file.stem, public), markup=False, end="", soft_wrap=True)
    err.print(f"{file} is the private half: whoever has it publishes. Keep it out of the repository.", markup=False)


def signing_key(path: Path | None, trust: Trust) -> SigningKey:
    """The private key in the file `path`, which `trust` trusts. Exits, saying what to do, where it does not."""
    if path is None:
        stop("No key to sign with: give --key FILE, or set TRITONUP_SIGNING_KEY.")
    try:
        key = read_signing_key(path, os.environ.get(PASSWORD))
    except KeyFileError as refused:
        stop(str(refused))
    mine = key.public.fingerprint
    if mine in trust.revoked:
        stop(f"{path} is the key {mine[:12]}…, which the stack file revokes. Sign with another.", Exit.FINDINGS)
    if mine not in trust.trusted:
        complain(
            f"{path} is the key {mine[:12]}…, which the stack does not trust: what it signs would be refused. If it"
            " is yours, add its public half to the stack file:"
        )
        err.print(f"    model_repository:\n{trusted_block('NAME', key.public)}", markup=False, end="")
        raise typer.Exit(Exit.FINDINGS)
    return key


def trusted_block(name: str, key: PublicKey) -> str:
    """What stands under `model_repository` in a stack file."""
    return f"      signing:\n        trusted:\n          {name}: |\n{indent(key.pem, ' ' * 12)}"
