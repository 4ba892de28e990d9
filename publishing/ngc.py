"""NVIDIA's catalogue NGC: `ngc://org/[team/]model:version`, public or with a key.

Nothing can be added to a version that NGC calls UPLOAD_COMPLETE; that it is still the one that was fetched before, our
lock shows. NGC lists size and SHA-256 (base64) of every file, page by page, and names a URL on another host for each,
that is signed and soon ends. A file whose SHA-256 it does not say is known by its size, and by our lock from then on.

Sources: ngcsdk 4.37.0 (`registry/api/models.py`: ModelAPI, GuestModelAPI; `registry/data/model/ModelFile.py`;
`ngcbase/api/pagination.py`; `ngcbase/transfer/async_download.py`), and NVIDIA's definition of the interface as it was
on 2026-09-25 (stackql-registry/stackql-provider-nvidia, `provider-dev/downloaded/ngc_models.json`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, Field

from publishing.alone import alone
from publishing.hub_source import HubError, Listed, Sha256
from publishing.together import Advance

if TYPE_CHECKING:
    # Imported where NGC is asked: the other commands need not wait the 0.2 s that its HTTP client takes.
    from publishing.ngc_api import NgcApi

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_SOURCE = re.compile(
    rf"ngc://(?P<org>{_NAME})/(?:(?P<team>{_NAME})/)?(?P<model>{_NAME}):(?P<version>[A-Za-z0-9][A-Za-z0-9._+-]*)"
)

PAGE = 1000
"""Files a page, as the SDK asks for; the most is 5000."""

COMPLETE = "UPLOAD_COMPLETE"


class _File(BaseModel):
    path: str
    sizeInBytes: Annotated[int, Field(ge=0)]  # noqa: N815 - these are NGC's names
    sha256_base64: str | None = None


class _Pages(BaseModel):
    totalPages: int = 1  # noqa: N815


class _Files(BaseModel):
    modelFiles: list[_File] | None = None  # noqa: N815
    paginationInfo: _Pages = _Pages()  # noqa: N815


class _Version(BaseModel):
    status: str | None = None


class _VersionAnswer(BaseModel):
    modelVersion: _Version  # noqa: N815


class _Model(BaseModel):
    latestVersionIdStr: str | None = None  # noqa: N815


class _ModelAnswer(BaseModel):
    model: _Model


class _Signed(BaseModel):
    """NVIDIA's definition has one `url` for one file, and its SDK reads the first of `urls`."""

    url: str | None = None
    urls: list[str] = []


@dataclass(slots=True, kw_only=True)
class Ngc:
    """A model of the catalogue at one version."""

    org: str
    team: str | None
    model: str
    version: str
    _api: NgcApi | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """HubError where `text` names no version."""
        match = _SOURCE.fullmatch(text)
        if match is None or match["version"] == "latest":
            raise HubError(
                f"{text!r} is no ngc://ORG/MODEL:VERSION or ngc://ORG/TEAM/MODEL:VERSION. The latest is another one"
                ' tomorrow: take the version from the model\'s page, under "Version History".'
            )
        return cls(org=match["org"], team=match["team"], model=match["model"], version=match["version"])

    def __str__(self) -> str:
        return f"ngc://{self._path}:{self.version}"

    @property
    def _path(self) -> str:
        return "/".join(part for part in (self.org, self.team, self.model) if part)

    @property
    def place(self) -> PurePosixPath:
        return PurePosixPath("ngc", self.org, self.team or "no-team", self.model, self.version)

    @property
    def page(self) -> str:
        """Where people look at it, and accept its terms."""
        team = f"/teams/{self.team}" if self.team else ""
        version = quote(self.version, safe="")
        return f"https://catalog.ngc.nvidia.com/orgs/{self.org}{team}/models/{self.model}?version={version}"

    def listed(self) -> Sequence[Listed]:
        self._is_whole()
        files: dict[str, Listed] = {}
        page, pages = 0, 1
        while page < pages:
            query = {"page-size": PAGE, **({"page-number": page} if page else {})}
            answer = self._ngc.get(f"{self._below}/files", query, _Files, str(self))
            for one in answer.modelFiles or ():
                file = Listed(path=one.path, size=one.sizeInBytes, content=self._content(one))
                if files.setdefault(file.path, file) != file:
                    raise HubError(f"NGC lists {file.path!r} of {self} twice, as two files.")
            page, pages = page + 1, answer.paginationInfo.totalPages
        return list(files.values())

    def fetch(self, file: Listed, into: Path, advance: Advance) -> None:
        from publishing.resuming import LostError, bring

        arriving = into.with_name(f".{into.name}.arriving") / file.path
        final = into / file.path
        with alone(into):
            if final.exists() and final.stat().st_size == file.size:  # another process was first
                return
            arriving.parent.mkdir(parents=True, exist_ok=True)
            if file.content is None:
                arriving.unlink(missing_ok=True)  # nobody could tell whether the rest is of the same file
            try:
                bring(self._ngc.files, lambda: self._signed(file), arriving, file.size, advance)
            except LostError as lost:
                raise HubError(
                    f"{file.path} of {self} did not come: {lost}. What came is kept for the next try."
                ) from None
            final.parent.mkdir(parents=True, exist_ok=True)
            arriving.replace(final)

    @property
    def _ngc(self) -> NgcApi:
        if self._api is None:
            from publishing.ngc_api import NgcApi

            self._api = NgcApi(self.org, self.team, self.page)
        return self._api

    @property
    def _org_team(self) -> str:
        return f"org/{self.org}" + (f"/team/{self.team}" if self.team else "")

    @property
    def _at(self) -> str:
        """What is for everyone is elsewhere than what is for those with a key (GuestModelAPI)."""
        return f"v2/models/{self._path}" if self._ngc.key is None else f"v2/{self._org_team}/models/{self.model}"

    @property
    def _below(self) -> str:
        return f"{self._at}/versions/{quote(self.version, safe='')}"

    def _is_whole(self) -> None:
        from publishing.ngc_api import NgcNotThereError

        try:
            status = self._ngc.get(self._below, {}, _VersionAnswer, str(self)).modelVersion.status
        except NgcNotThereError:
            model = f"ngc://{self._path}"
            latest = self._ngc.get(self._at, {}, _ModelAnswer, f"model {model}").model.latestVersionIdStr
            has = f" The latest is {latest!r}." if latest else ""
            raise HubError(f"NGC has no version {self.version!r} of {model}.{has} All are at {self.page}") from None
        if status != COMPLETE:
            raise HubError(f"{self} is not whole yet: NGC says {status!r} of it, and {COMPLETE!r} of what is.")

    def _content(self, file: _File) -> Sha256 | None:
        if not file.sha256_base64:
            return None
        try:
            digest = base64.b64decode(file.sha256_base64, validate=True)
        except (binascii.Error, ValueError):
            digest = b""
        if len(digest) != 32:
            raise HubError(f"NGC lists the SHA-256 {file.sha256_base64!r} of {file.path} of {self}, which is none.")
        return Sha256(digest.hex())

    def _signed(self, file: Listed) -> str:
        models = "/models" if self._ngc.key is None else ""
        name = self.model if self._ngc.key is None else f"models/{self.model}"
        path = f"v2{models}/{self._org_team}/{name}/{quote(self.version, safe='')}/files"
        answer = self._ngc.get(path, {"path": file.path}, _Signed, f"{file.path} of {self}")
        url = answer.url or next(iter(answer.urls), "")
        if not self._ngc.is_safe(url):
            raise HubError(
                f"NGC names no https:// address for {file.path} of {self}, but one of {urlsplit(url).scheme!r}."
            )
        return url
