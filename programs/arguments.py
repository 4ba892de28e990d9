"""What programs that fetch and publish are told, and how they read it."""

from __future__ import annotations

import argparse
from pathlib import Path

from pydantic import ValidationError

from planning.settings.repository import Signing
from planning.signing import Trust, trust_of
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
        return trust_of(Signing.model_validate_json(path.read_text(encoding="utf-8")))
    except (OSError, ValidationError) as refused:
        raise PullError(f"{path} does not say whom to trust: {refused}") from None
