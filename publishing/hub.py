"""Files of the Hugging Face hub into a model repository, at one commit, by their digests: pods never talk to the hub.

`hf://org/name@<commit>` names a commit by its whole hash: a branch or a tag names other files tomorrow. What comes is
held against what the hub says of that commit (SHA-256 of large files, git's own hash of small ones), and its SHA-256s
are noted in `hub.lock.json` at the repository's root: whoever fetches the same again must get the same bytes, whatever
the hub says then. What was fetched lies in a cache by its commit and is not fetched twice.

The hub is asked by its own library, huggingface_hub, at HF_ENDPOINT, with the token of HF_TOKEN or of its login.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from publishing.proof import pieces

LOCK = "hub.lock.json"

_SOURCE = re.compile(r"hf://(?P<repo>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)@(?P<commit>[0-9a-f]{40})")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class HubError(Exception):
    """The files cannot be had, or are not those that they should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A repository of the hub at one commit."""

    repo: str
    commit: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """HubError where `text` names no commit."""
        match = _SOURCE.fullmatch(text)
        if match is None:
            raise HubError(
                f"{text!r} is no hf://ORG/NAME@COMMIT with the 40 digits of a commit. A branch or tag names other files"
                ' tomorrow: take the commit from the repository\'s page, under "Files".'
            )
        return cls(repo=match["repo"], commit=match["commit"])

    def __str__(self) -> str:
        return f"hf://{self.repo}@{self.commit}"


class LockedFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Sha256
    size: Annotated[int, Field(ge=0)]


class LockedFolder(BaseModel):
    """`source` as it was named, `files` by their path in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    files: Mapping[str, LockedFile]


class HubLock(BaseModel):
    """By the folder's path in the model repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    folders: Mapping[str, LockedFolder] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """`fetched` bytes came from the hub; the others were in the cache or in place."""

    folder: Path
    locked: LockedFolder
    fetched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """A file as the hub lists it: `sha256` of a large one, `blob` git's hash of a small one."""

    path: str
    size: int
    sha256: str | None
    blob: str


def read_hub_lock(root: Path) -> HubLock:
    """What the repository at `root` notes; nothing where there is no lock. HubError where it cannot be read."""
    try:
        return HubLock.model_validate_json((root / LOCK).read_bytes())
    except FileNotFoundError:
        return HubLock()
    except (OSError, ValidationError) as refused:
        raise HubError(f"{root / LOCK} cannot be read: {str(refused).partition(chr(10))[0]}") from None


def add(
    source: HubSource,
    root: Path,
    folder: PurePosixPath,
    patterns: Sequence[str],
    cache: Path,
    note: Callable[[str], None],
) -> Added:
    """Have the files of `source` that match one of `patterns` (all, where there are none) in `folder` of the model
    repository at `root`, and noted in its lock. HubError where not: then the repository is as it was."""
    if folder.is_absolute() or ".." in folder.parts or not folder.parts:
        raise HubError(f"{str(folder)!r} is no folder inside the model repository: write MODEL/VERSION/NAME.")
    lock = read_hub_lock(root)
    known = lock.folders.get(folder.as_posix())
    listed = _listed(source)
    wanted = [one for one in listed if not patterns or any(fnmatch(one.path, pattern) for pattern in patterns)]
    if not wanted:
        raise HubError(f"{source} has no file that matches {', '.join(patterns)}. It has: {_few(listed)}.")
    kept = cache / source.repo.replace("/", "--") / source.commit
    files: dict[str, LockedFile] = {}
    fetched = 0
    for one in wanted:
        at = kept / one.path
        if not (at.is_file() and at.stat().st_size == one.size):
            note(f"{one.path} ({one.size} bytes)")
            _download(source, one, kept)
            fetched += one.size
        files[one.path] = LockedFile(sha256=_proven(source, one, at), size=at.stat().st_size)
    locked = LockedFolder(source=str(source), files=files)
    if known is not None and known.source == locked.source:
        _as_before(source, known, locked)
    _put(kept, root / folder, files)
    text = HubLock(folders={**lock.folders, folder.as_posix(): locked}).model_dump(mode="json")
    unfinished = root / f".{LOCK}.{os.getpid()}"
    unfinished.write_text(json.dumps(text, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    unfinished.replace(root / LOCK)
    return Added(folder=root / folder, locked=locked, fetched=fetched)


def _as_before(source: HubSource, known: LockedFolder, now: LockedFolder) -> None:
    for path, file in now.files.items():
        if (before := known.files.get(path)) is not None and before != file:
            raise HubError(
                f"{path} of {source} has the SHA-256 {file.sha256[:12]}…, and {LOCK} notes {before.sha256[:12]}…:"
                " the same commit gives other bytes. Find out why before you trust it; nothing was changed."
            )


def _put(kept: Path, folder: Path, paths: Iterable[str]) -> None:
    """The new folder beside the old one, and then in its place."""
    new = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    for path in paths:
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept / path, new / path)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def _listed(source: HubSource) -> list[_Listed]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    try:
        found = list(HfApi(endpoint=_endpoint()).list_repo_tree(source.repo, recursive=True, revision=source.commit))
    except Exception as refused:  # noqa: BLE001 - the library raises its own, its HTTP client's and OSError
        raise HubError(f"{source} cannot be listed: {_said(refused)}") from None
    files = [
        _Listed(path=one.path, size=one.size, sha256=one.lfs.sha256 if one.lfs else None, blob=one.blob_id)
        for one in found
        if isinstance(one, RepoFile)
    ]
    for one in files:
        path = PurePosixPath(one.path)
        if path.is_absolute() or ".." in path.parts:
            raise HubError(f"{source} lists {one.path!r}, which is no path inside of it.")
    return files


def _download(source: HubSource, one: _Listed, into: Path) -> None:
    from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]

    try:
        hf_hub_download(source.repo, one.path, revision=source.commit, local_dir=into, endpoint=_endpoint())
    except Exception as refused:  # noqa: BLE001 - as above
        raise HubError(f"{one.path} of {source} cannot be fetched: {_said(refused)}") from None


def _proven(source: HubSource, one: _Listed, at: Path) -> str:
    """The SHA-256 of what came, which is what the hub says of it."""
    sha256 = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % at.stat().st_size, usedforsecurity=False)
    for piece in pieces(at):
        sha256.update(piece)
        git.update(piece)
    right = sha256.hexdigest() == one.sha256 if one.sha256 else git.hexdigest() == one.blob
    if not right:
        at.unlink()
        raise HubError(f"{one.path} of {source} did not come as the hub lists it. Nothing was changed: try again.")
    return sha256.hexdigest()


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")


def _few(listed: Sequence[_Listed]) -> str:
    return ", ".join(one.path for one in listed[:8]) + (", …" if len(listed) > 8 else "")


def _said(refused: BaseException) -> str:
    return str(refused).strip().partition("\n")[0][:300] or type(refused).__name__
