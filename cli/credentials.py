"""The user's credentials for a container registry, from where `docker login` puts them.

Read is `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`: a credential helper of that registry first,
then the general credential store, then what stands in the file itself, the order of the Docker command line
(docs.docker.com/reference/cli/docker/login, "Credential stores"). A secret is never printed: no message here
holds one, and neither does `repr`.
"""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

HELPER_SECONDS = 15
"""How long a credential helper may take. Helpers of clouds ask their own service."""

_DOCKER_HUB = "https://index.docker.io/v1/"
"""The key under which Docker keeps Docker Hub's credentials."""


class CredentialsError(Exception):
    """Credentials are configured and cannot be read. The message names the file or the helper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    username: str
    password: str = field(repr=False)


def find_credentials(host: str, environ: Mapping[str, str], home: Path) -> Credentials | None:
    """What the user logged in to registry `host` with, or None. CredentialsError where that is unreadable."""
    folder = environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else home / ".docker") / "config.json"
    try:
        config = _table(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as refused:
        raise CredentialsError(f"{path} cannot be read ({refused}).") from None
    key = _DOCKER_HUB if host == "docker.io" else host
    helper = _table(config.get("credHelpers")).get(key) or config.get("credsStore")
    if isinstance(helper, str) and (found := _ask(helper, key)) is not None:
        return found
    auths = _table(config.get("auths"))
    entry = _table(auths.get(key, auths.get(f"https://{key}")))
    return _decode(entry.get("auth"), path, key)


def _ask(helper: str, key: str) -> Credentials | None:
    """What `docker-credential-HELPER` knows of `key`: the protocol of docker-credential-helpers."""
    program = f"docker-credential-{helper}"
    try:
        answer = subprocess.run(  # noqa: S603  the program that the user's own configuration names
            [program, "get"],
            input=key,
            capture_output=True,
            text=True,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise CredentialsError(f"{program}, which your Docker configuration names, is not installed.") from None
    except subprocess.TimeoutExpired:
        raise CredentialsError(f"{program} did not answer in {HELPER_SECONDS} s.") from None
    if answer.returncode != 0:
        # The protocol's way to say "nothing here"; everything else is a fault of the helper.
        if "credentials not found" in answer.stdout + answer.stderr:
            return None
        raise CredentialsError(f"{program} failed for {key} with exit status {answer.returncode}.")
    try:
        found = _table(json.loads(answer.stdout))
    except ValueError:
        raise CredentialsError(f"{program} answered for {key} with something else than JSON.") from None
    username, secret = found.get("Username"), found.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise CredentialsError(f"{program} answered for {key} without a user name and a secret.")
    if username == "<token>":
        raise CredentialsError(
            f"{program} holds an identity token for {key}; log in with a user name and a password or token."
        )
    return Credentials(username=username, password=secret)


def _decode(auth: object, path: Path, key: str) -> Credentials | None:
    if not isinstance(auth, str) or not auth:
        return None
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon, username, password = "", "", ""
    if not colon:
        raise CredentialsError(f"{path} has an unreadable `auth` for {key}. Log in again.")
    return Credentials(username=username, password=password)


def _table(value: object) -> Mapping[str, object]:
    """`value` where it is a JSON object; an empty one for anything else."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
