"""What programs that fetch and publish are told, and how they read it."""

from __future__ import annotations

import argparse
from pathlib import Path

from planning.settings.keys import PublicKey
from planning.signing import Trust, trust_in
from planning.told import SettingsError, below, read_told, sha256s
from publishing.pulling import PullError


def add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="s3://bucket/prefix, gs://bucket/prefix or file:///directory")
    parser.add_argument("--region", help="of an S3 bucket")
    parser.add_argument("--endpoint", help="of another S3 than AWS's")


def add_signing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--signing", required=True, type=Path, help="whom to trust: model_repository.signing as JSON")


def read_trust(path: Path) -> Trust:
    """PullError where the file does not say."""
    try:
        said = read_told(path)
        trusted = {name: _key(name, pem) for name, pem in below(said, "trusted").items()}
        return trust_in(trusted, sha256s(said, "revoked"))
    except SettingsError as refused:
        raise PullError(f"{path} does not say whom to trust: {refused}") from None


def _key(name: str, pem: object) -> PublicKey:
    try:
        return PublicKey.parse(str(pem))
    except ValueError as refused:
        raise SettingsError(f"trusted.{name} {refused}") from None
