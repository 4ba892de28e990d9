"""Packing an image without a registry or a builder: layers as plain tar files, an OCI archive that containerd imports.

The format is the OCI image specification's (image-layout.md, manifest.md, config.md). The bytes depend on the files'
paths, modes and contents alone, so that equal content has an equal digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedImage:
    """`archive` holds it; `name` is `<repository>:<tag>`, `digest` its manifest's (`sha256:…`)."""

    name: str
    digest: str
    archive: Path

    @property
    def by_digest(self) -> str:
        return f"{self.name.rpartition(':')[0]}@{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    path: Path
    digest: str
    size: int

    def descriptor(self, media_type: str, **more: object) -> dict[str, object]:
        return {"mediaType": media_type, "digest": self.digest, "size": self.size, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class OciLayout:
    """An archive that lies unpacked: the manifest's own bytes, and all that it names."""

    manifest: bytes
    blobs: tuple[Blob, ...]


def layer(trees: Sequence[tuple[Path, str]], into: Path) -> Blob:
    """A layer of what lies below each folder, at the given place in the image (`usr/lib/x`; `` is the root).
    Everything belongs to root and is as old as the epoch."""
    with into.open("wb") as file:
        hashing = _Hashing(file)
        with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for tree, place in trees:
                for parent in reversed(Path(place).parents[:-1]) if place else ():
                    tar.addfile(_directory(str(parent)))
                _add(tar, tree, place)
    return Blob(path=into, digest=hashing.digest, size=hashing.size)


def pack(name: str, layers: Sequence[Blob], config: Mapping[str, Any], into: Path) -> PackedImage:
    """The image `name` with `layers`, started as `config` says (OCI's `config` object)."""
    image = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [blob.digest for blob in layers]},
        "history": [{"created_by": "tritonup"} for _ in layers],
    }
    configuration = _json(image)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, configuration),
            "layers": [blob.descriptor(LAYER) for blob in layers],
        }
    )
    named = _descriptor(MANIFEST, manifest) | {
        "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    }
    with _whole(into) as unfinished, tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as tar:
        _put(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _put(tar, "index.json", _json({"schemaVersion": 2, "manifests": [named]}))
        for content in (manifest, configuration):
            _put(tar, f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", content)
        for blob in layers:
            about = _file(f"blobs/{blob.digest.replace(':', '/')}", blob.size)
            with blob.path.open("rb") as content:
                tar.addfile(about, content)
    return PackedImage(name=name, digest=str(named["digest"]), archive=into)


def read_packed(archive: Path) -> PackedImage:
    """The image in an archive that `pack` wrote."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        if index is None:
            raise ValueError(f"{archive} has no index")
        (only,) = json.load(index)["manifests"]
    return PackedImage(name=only["annotations"]["io.containerd.image.name"], digest=only["digest"], archive=archive)


@contextmanager
def unpacked(image: PackedImage) -> Generator[OciLayout]:
    """The parts of `image`, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="tritonup-image-") as name:
        folder = Path(name)
        with tarfile.open(image.archive) as tar:
            tar.extractall(folder, filter="data")

        def path(digest: str) -> Path:
            return folder / "blobs" / digest.replace(":", "/")

        manifest = path(image.digest).read_bytes()
        told = json.loads(manifest)
        yield OciLayout(
            manifest=manifest,
            blobs=tuple(
                Blob(path=path(one["digest"]), digest=one["digest"], size=one["size"])
                for one in (*told["layers"], told["config"])
            ),
        )


def _add(tar: tarfile.TarFile, tree: Path, place: str) -> None:
    for folder, names, files in os.walk(tree):
        names.sort()
        for name in [None, *sorted([*files, *(n for n in names if (Path(folder) / n).is_symlink())])]:
            path = Path(folder) if name is None else Path(folder) / name
            inside = str(Path(place) / path.relative_to(tree))
            if inside == ".":
                continue
            about = path.lstat()
            if stat.S_ISLNK(about.st_mode):
                link = _entry(inside, tarfile.SYMTYPE, 0o777)
                link.linkname = str(path.readlink())
                tar.addfile(link)
            elif stat.S_ISDIR(about.st_mode):
                tar.addfile(_entry(inside, tarfile.DIRTYPE, stat.S_IMODE(about.st_mode)))
            elif stat.S_ISREG(about.st_mode):
                regular = _entry(inside, tarfile.REGTYPE, stat.S_IMODE(about.st_mode))
                regular.size = about.st_size
                with path.open("rb") as content:
                    tar.addfile(regular, content)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry


def _directory(name: str) -> tarfile.TarInfo:
    return _entry(name, tarfile.DIRTYPE, 0o755)


def _file(name: str, size: int) -> tarfile.TarInfo:
    about = _entry(name, tarfile.REGTYPE, 0o644)
    about.size = size
    return about


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_file(name, len(content)), io.BytesIO(content))


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


@contextmanager
def _whole(path: Path) -> Generator[Path]:
    """A place to write `path`, which appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


class _Hashing(io.RawIOBase):
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # whatever the buffer protocol allows
        self._sha256.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha256.hexdigest()}"
