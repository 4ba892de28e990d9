"""Served sets and keys for tests: a few small files, one larger than a part, one that is empty."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from planning.repository.digest import content_digest
from planning.repository.served import ServedFile, ServedSet
from planning.signing import Trust
from publishing.keys import SigningKey, read_signing_key

LARGE = 21 * 2**20
"""Several parts of an upload, several ranges of a download, the last of each shorter than the others."""


@cache
def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def served_of(root: Path, files: Mapping[str, bytes]) -> ServedSet:
    """A served set of `files`, which are written below `root`. Planning makes them of models; here any will do."""
    found: list[ServedFile] = []
    for path, content in files.items():
        source = root / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        found.append(ServedFile(source=source, path=PurePosixPath(path), size=len(content), sha256=sha256))
    found.sort(key=lambda file: file.path.as_posix())
    return ServedSet(
        models=(),
        planned=(),
        files=tuple(found),
        digest=content_digest((file.path.as_posix(), file.sha256) for file in found),
        total_bytes=sum(file.size for file in found),
    )


def files(seed: int = 1) -> dict[str, bytes]:
    """Of two models. Another seed gives another config, and the same weights."""
    return {
        "digits/1/model.onnx": noise(7, 300_000),
        "digits/config.pbtxt": f'name: "digits" # {seed}'.encode(),
        "text/1/model.onnx": noise(8, LARGE),
        "text/1/vocabulary of ünusual name$+.txt": b"a\nb\n",
        "text/labels.txt": b"",
    }


@dataclass(frozen=True, slots=True)
class Keys:
    """Two private keys by their files: `ours` is trusted, `theirs` is somebody else's."""

    ours: Path
    theirs: Path

    @property
    def key(self) -> SigningKey:
        return read_signing_key(self.ours)

    @property
    def stranger(self) -> SigningKey:
        return read_signing_key(self.theirs)

    @property
    def trust(self) -> Trust:
        return trusting(self.key)


def trusting(*keys: SigningKey, revoked: tuple[SigningKey, ...] = ()) -> Trust:
    return Trust(
        trusted={key.public.fingerprint: (f"key-{number}", key.public) for number, key in enumerate(keys)},
        revoked=frozenset(key.public.fingerprint for key in revoked),
    )


def make_keys(folder: Path) -> Keys:
    return Keys(write_key(folder / "ours.pem"), write_key(folder / "theirs.pem"))


def write_key(path: Path, curve: ec.EllipticCurve | None = None, password: bytes | None = None) -> Path:
    private = ec.generate_private_key(curve or ec.SECP256R1())
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
        )
    )
    return path


def bytes_below(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }
