"""The Hugging Face hub: `hf://org/name@<commit>`, by its own library, huggingface_hub.

A commit is named by its whole hash: a branch or a tag names other files tomorrow. The hub says the SHA-256 of a large
file, and git's own hash of a small one. It is asked at HF_ENDPOINT, with the token of HF_TOKEN or of its login.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from publishing.hub_source import GitBlob, HubError, Listed, Sha256
from publishing.together import Advance

_SOURCE = re.compile(r"hf://(?P<repo>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)@(?P<commit>[0-9a-f]{40})")


@dataclass(frozen=True, slots=True, kw_only=True)
class HuggingFace:
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

    @property
    def place(self) -> PurePosixPath:
        return PurePosixPath(self.repo.replace("/", "--"), self.commit)

    def listed(self) -> Sequence[Listed]:
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        try:
            found = list(HfApi(endpoint=_endpoint()).list_repo_tree(self.repo, recursive=True, revision=self.commit))
        except Exception as refused:  # noqa: BLE001 - the library raises its own, its HTTP client's and OSError
            raise HubError(f"{self} cannot be listed: {_said(refused)}") from None
        return [
            Listed(path=one.path, size=one.size, content=Sha256(one.lfs.sha256) if one.lfs else GitBlob(one.blob_id))
            for one in found
            if isinstance(one, RepoFile)
        ]

    def fetch(self, file: Listed, into: Path, advance: Advance) -> None:
        """Its library shows how far it is itself."""
        from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]

        try:
            hf_hub_download(self.repo, file.path, revision=self.commit, local_dir=into, endpoint=_endpoint())
        except Exception as refused:  # noqa: BLE001 - as above
            raise HubError(f"{file.path} of {self} cannot be fetched: {_said(refused)}") from None
        advance(file.size)


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")


def _said(refused: BaseException) -> str:
    return str(refused).strip().partition("\n")[0][:300] or type(refused).__name__
