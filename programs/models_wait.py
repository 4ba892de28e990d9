"""`models wait`: until a server's models are on the volume, whole and signed, before Triton starts.

It runs as an init container of a pod that mounts the volume read-only. A Job fills the volume under another name and
gives the directory its own in one step, so that what has the name is whole; that, and that a trusted key signed it, is
looked at again here: every file by its size, none by its bytes, which the Job compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from programs.arguments import add_signing, read_trust
from programs.ending import CANNOT, REFUSED, end_when_told, failed
from publishing.layout import content_prefix, partial_prefix, signature_prefix
from publishing.pulling import PullError
from publishing.store import Store, StoreError
from publishing.verifying import verify

LOOK_EVERY_S = 1.0
SAY_EVERY_S = 15.0
"""Choices of ours: a look costs little, and a log is read by people. A node that looked before the directory was there
may believe that for a minute (nfs(5), `acdirmax`)."""


def main(arguments: Sequence[str]) -> int:
    """What the process ends with."""
    asked = _asked(arguments)
    end_when_told()
    return await_models(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    server: str
    digest: str
    root: Path
    signing: Path
    seconds: float


def await_models(asked: Asked) -> int:
    begun = said = time.monotonic()
    print(f"waiting for {_directory(asked)}", flush=True)
    while (missing := _missing(asked)) is not None:
        now = time.monotonic()
        if now - begun >= asked.seconds:
            return failed(
                CANNOT,
                f"{_directory(asked)} {missing} after {asked.seconds:.0f} s. Look at the Job that fills it: kubectl"
                f" describe job -l app.kubernetes.io/name=model-filler,app.kubernetes.io/instance={asked.server}",
            )
        if now - said >= SAY_EVERY_S:
            said = now
            print(f"{_directory(asked)} {missing}", flush=True)
        time.sleep(LOOK_EVERY_S)
    try:
        # The trust is read late: who was trusted when the wait began may be revoked now.
        verified = verify(
            Store(asked.root.resolve().as_uri()), asked.server, asked.digest, read_trust(asked.signing), contents=False
        )
    except (PullError, StoreError) as refused:
        return failed(CANNOT, str(refused))
    if verified.signed is None or verified.findings:
        return failed(REFUSED, "\n".join(map(str, verified.findings)))
    waited = time.monotonic() - begun
    print(f"{_directory(asked)}: whole after {waited:.1f} s; as signed by {verified.signed.name}", flush=True)
    return 0


def _directory(asked: Asked) -> Path:
    return asked.root / content_prefix(asked.server, asked.digest)


def _missing(asked: Asked) -> str | None:
    """What there is to wait for; None where the directory has its name and a signature beside it."""
    try:
        if _directory(asked).is_dir():
            signatures = asked.root / signature_prefix(asked.server, asked.digest)
            return None if any(signatures.glob("*.json")) else "is there without its signature"
        if (asked.root / partial_prefix(asked.server, asked.digest)).is_dir():
            return "is being filled"
    except OSError as refused:
        # Until the Job has mounted it: the kubelet gives nobody a new volume's root by a mount that is read-only.
        return f"cannot be looked at ({refused.strerror})"
    return "is not there"


def _asked(arguments: Sequence[str]) -> Asked:
    parser = argparse.ArgumentParser(prog="models wait", allow_abbrev=False)
    parser.add_argument("server")
    parser.add_argument("--digest", required=True, help="of what it serves, whole")
    parser.add_argument("--root", required=True, type=Path, help="of the volume; models are at <root>/SERVER/DIGEST")
    add_signing(parser)
    parser.add_argument("--seconds", required=True, type=float, help="how long to wait")
    return Asked(**vars(parser.parse_args(arguments)))
