"""What is fetched: files of noise, published as server `vision`, and a project whose stack `bench` trusts their key."""

from __future__ import annotations

import hashlib
import json
import random
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.cluster.layout import PROJECT
from local.object_stores import RunningStore
from planning.repository.digest import content_digest
from planning.repository.served import ServedFile, ServedSet
from planning.signing import Trust
from publishing.keys import SigningKey, read_signing_key
from publishing.pushing import push
from publishing.store import Store

SERVER, STACK = "vision", "bench"

_MIB = 2**20
_NOISE = random.Random(0).randbytes(16 * _MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """`sums` is a list of the files' SHA-256, for a tool that knows of no signature."""

    digest: str
    files: int
    bytes: int
    sums: Path


def make_key(folder: Path, region: str) -> SigningKey:
    """The key, the project `folder/project` whose stack trusts it, and the same trust as pods are told it."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(pem)
    key = read_signing_key(folder / "key.pem")
    signing_file(folder).write_text(json.dumps({"trusted": {"bench": key.public.pem}}), encoding="utf-8")
    (folder / "project").mkdir()
    (folder / "project" / "Pulumi.yaml").write_text("name: bench\nruntime: python\n", encoding="utf-8")
    text = (PROJECT / "Pulumi.local.yaml").read_text(encoding="utf-8")
    destination = "        kind: node-path\n        path: /var/lib/tritonup/models\n"
    assert destination in text
    bucket = f"        kind: s3\n        bucket: models\n        region: {region}\n"
    signing = f"      signing:\n        trusted:\n          bench: |\n{textwrap.indent(key.public.pem, ' ' * 12)}"
    stack = text.replace(destination, bucket + signing)
    (folder / "project" / f"Pulumi.{STACK}.yaml").write_text(stack, encoding="utf-8")
    return key


def signing_file(folder: Path) -> Path:
    return folder / "signing.json"


def publish(sizes: Sequence[int], folder: Path, running: RunningStore, key: SigningKey) -> Publication:
    """A file for each of `sizes`, in MiB."""
    found: list[ServedFile] = []
    for number, size in enumerate(sizes):
        source = folder / f"{number}.bin"
        sha256 = hashlib.sha256()
        with source.open("wb") as file:
            for piece in _noise(number, size):
                sha256.update(piece)
                file.write(piece)
        path = PurePosixPath(f"model-{number:02}/1/model.onnx")
        found.append(ServedFile(source=source, path=path, size=size * _MIB, sha256=sha256.hexdigest()))
    digest = content_digest((file.path.as_posix(), file.sha256) for file in found)
    total = sum(file.size for file in found)
    served = ServedSet(models=(), planned=(), files=tuple(found), digest=digest, total_bytes=total)
    trust = Trust(trusted={key.public.fingerprint: ("bench", key.public)}, revoked=frozenset())
    push(Store(running.url), SERVER, served, key, trust)
    for file in found:
        assert isinstance(file.source, Path)
        file.source.unlink()
    sums = folder / f"{digest}.sha256"
    sums.write_text("".join(f"{file.sha256}  {file.path}\n" for file in found), encoding="utf-8")
    return Publication(digest=digest, files=len(found), bytes=total, sums=sums)


def _noise(number: int, size: int) -> Iterator[bytes]:
    """Of a file, by the MiB; no two MiB of a publication are equal."""
    for index in range(size):
        start = index % 16 * _MIB
        yield b"%8d%8d" % (number, index) + _NOISE[start + 16 : start + _MIB]
