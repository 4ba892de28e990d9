"""The signed manifest of a published digest: an OpenSSF model signature.

A Sigstore bundle (media type v0.3) around a DSSE envelope around an in-toto statement whose predicate is
`https://model_signing/signature/v1.0`, which lists every file with its SHA-256. The genuine `model_signing verify key`
accepts it for the pulled directory (a test holds that). Written here rather than by that package, because it brings
some thirty others with it, signs only what lies whole in one directory, and has no room for sizes; its version 1.0
tells verifiers to ignore further fields (model_signing/_signing/signing.py, `Payload`).

Sources: DSSE, github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md; the in-toto statement,
github.com/in-toto/attestation/blob/main/spec/v1/statement.md; the bundle, docs.sigstore.dev/about/bundle.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planning.repository.digest import content_digest
from planning.settings.keys import PublicKey
from planning.told import at_least, below, exactly, listed, sha256, text, told
from publishing.keys import SigningKey, is_signed

if TYPE_CHECKING:  # who verifies reads no repository
    from planning.repository.served import ServedSet

_PAYLOAD = "application/vnd.in-toto+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"

LONGEST = 64 * 2**20
"""Bytes of a signature that are read at the most: some 300,000 files."""


class SignatureError(Exception):
    """The bytes are no signature that can be read. The message says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFile:
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is signed: these files, and no others, are what `server` serves under `digest`."""

    server: str
    digest: str
    files: tuple[SignedFile, ...]

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(file.path.partition("/")[0] for file in self.files))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """As read, not yet believed: `fingerprint` of the key that is said to have signed `payload`."""

    fingerprint: str
    payload: bytes
    signed: bytes

    def is_by(self, key: PublicKey) -> bool:
        return key.fingerprint == self.fingerprint and is_signed(key, _authenticated(self.payload), self.signed)


def statement_of(server: str, served: ServedSet) -> Statement:
    """ValueError where a file's name is not text: JSON cannot hold it."""
    files: list[SignedFile] = []
    for file in served.files:
        path = file.path.as_posix()
        try:
            path.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{path!r} is no UTF-8: rename the file, its name cannot be signed") from None
        files.append(SignedFile(path=path, size=file.size, sha256=file.sha256))
    return Statement(server=server, digest=served.digest, files=tuple(files))


def sign(statement: Statement, key: SigningKey) -> bytes:
    """The bundle, as it is stored. Not the same bytes twice: ECDSA signs with a random number."""
    payload = _payload(statement)
    envelope = {
        "payload": _text(payload),
        "payloadType": _PAYLOAD,
        "signatures": [{"sig": _text(key.sign(_authenticated(payload))), "keyid": ""}],
    }
    nobody: list[str] = []  # no transparency log has seen it
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.public.fingerprint}, "tlogEntries": nobody},
        "dsseEnvelope": envelope,
    }
    return json.dumps(bundle).encode()


def read_signature(bundle: bytes) -> Signature:
    """What is said to be signed, by whom. SignatureError where that cannot be read."""
    try:
        said = told(bundle, "it")
        exactly(said, "mediaType", _BUNDLE)
        envelope = below(said, "dsseEnvelope")
        exactly(envelope, "payloadType", _PAYLOAD, "dsseEnvelope")
        (signed,) = listed(envelope, "signatures", lambda one, at: text(one, "sig", at), "dsseEnvelope")
        key = below(below(said, "verificationMaterial"), "publicKey", "verificationMaterial")
        return Signature(
            fingerprint=sha256(key, "hint", "verificationMaterial.publicKey"),
            payload=base64.b64decode(text(envelope, "payload", "dsseEnvelope"), validate=True),
            signed=base64.b64decode(signed, validate=True),
        )
    except ValueError as refused:
        raise SignatureError(f"is no bundle of one signature ({refused})") from None


def read_statement(payload: bytes) -> Statement:
    """SignatureError where the payload is none of ours, or does not agree with itself."""
    try:
        said = told(payload, "it")
        exactly(said, "predicateType", _PREDICATE)
        predicate = below(said, "predicate")
        files = listed(predicate, "resources", _signed_file, "predicate")
        ours = below(predicate, "tritonup", "predicate")
        server, digest = text(ours, "server", "predicate.tritonup"), sha256(ours, "digest", "predicate.tritonup")
    except ValueError as refused:
        raise SignatureError(f"signs something else than a published model ({refused})") from None
    if len({file.path for file in files}) != len(files):
        raise SignatureError("lists a file twice")
    if any(part in {"", ".", ".."} or "\0" in part for file in files for part in file.path.split("/")):
        raise SignatureError("lists a file outside of its directory")
    if content_digest((file.path, file.sha256) for file in files) != digest:
        raise SignatureError("lists files that do not make the digest that it names")
    return Statement(server=server, digest=digest, files=files)


def _signed_file(said: Mapping[str, object], at: str) -> SignedFile:
    exactly(said, "algorithm", "sha256", at)
    size = at_least(0, said, "size", at)
    return SignedFile(path=text(said, "name", at), size=size, sha256=sha256(said, "digest", at))


def _payload(statement: Statement) -> bytes:
    resources = [
        {"name": file.path, "algorithm": "sha256", "digest": file.sha256, "size": file.size} for file in statement.files
    ]
    root = hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in statement.files)).hexdigest()
    return json.dumps(
        {
            "_type": _STATEMENT,
            "subject": [{"name": statement.digest, "digest": {"sha256": root}}],
            "predicateType": _PREDICATE,
            "predicate": {
                "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
                "resources": resources,
                "tritonup": {"server": statement.server, "digest": statement.digest},
            },
        }
    ).encode()


def _authenticated(payload: bytes) -> bytes:
    """What DSSE signs (protocol.md, "Signature Definition": PAE)."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
