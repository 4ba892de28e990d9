"""Every image that the product may run, and the digest that each was seen to have: the image lock.

A tag moves, a digest does not, so what runs is named by digest, and only by one that somebody saw: the lock
says where and when. An image is either *published* by its maker or *built* by the user and pushed to their
own registry. Nothing here talks to a registry; `tritonup images update` does, and rewrites the lock.

The grammar of repositories and tags is that of the OCI distribution specification 1.1 ("Pulling manifests").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final, Literal, cast

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, with_config

LOCK_FILE = "images.lock.json"
"""The lock's file in this package."""

_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""SHA-256 of a manifest's bytes."""
Repository = Annotated[str, StringConstraints(pattern=rf"^{_HOST}(/{_PART})+$")]
"""A registry's host (with its port) and the path in it: `nvcr.io/nvidia/tritonserver`."""
RepositoryPath = Annotated[str, StringConstraints(pattern=rf"^{_PART}(/{_PART})*$")]
"""A repository below the user's registry: `tritonup-triton-cpu`."""
Tag = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$")]
Platform = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+/[a-z0-9]+(/[a-z0-9.]+)?$")]
"""Operating system and architecture as image indexes write them: `linux/amd64`."""
LogicalName = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")]
"""What the plan calls an image: `triton`, `device-plugin`."""

_strict = with_config(ConfigDict(extra="forbid", strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """One image to pull. Without `digest` it is whatever its tag points at on the day."""

    repository: str
    tag: str
    digest: str | None

    @property
    def pinned(self) -> str:
        """`repository:tag@digest`: the digest decides, the tag is for readers. ValueError without one."""
        if self.digest is None:
            raise ValueError(f"{self.repository}:{self.tag} has no digest and cannot be pinned.")
        return f"{self.repository}:{self.tag}@{self.digest}"

    @property
    def by_digest(self) -> str:
        """`repository@digest`. ValueError without a digest."""
        if self.digest is None:
            raise ValueError(f"{self.repository}:{self.tag} has no digest and cannot be pinned.")
        return f"{self.repository}@{self.digest}"

    def __str__(self) -> str:
        """The most exact reference that there is: pinned, or by tag where no digest is known."""
        return f"{self.repository}:{self.tag}" if self.digest is None else self.pinned

    def through(self, mirror: str | None) -> ImageRef:
        """The same image in a mirror: `mirror/` and then the whole repository, its host included.

        A copy made by `skopeo sync --scoped` is laid out so; a pull-through cache is, if its project or
        prefix is named after the upstream host. The digest stays, so a mirror cannot serve anything else.
        """
        if mirror is None:
            return self
        return ImageRef(repository=f"{mirror.rstrip('/')}/{self.repository}", tag=self.tag, digest=self.digest)


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAnswer:
    """The registry itself named the digest, at `url`."""

    by: Literal["registry"] = "registry"
    url: str
    on: date


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFile:
    """A public repository's file names it: `path` at `commit`, which `shows` so much. `on` None: unknown."""

    by: Literal["file"] = "file"
    repository: str
    path: str
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    on: date | None
    shows: str


Sighting = Annotated[RegistryAnswer | PublicFile, Field(discriminator="by")]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The tag's digest was seen.

    `kind` says what the digest names: an `index` of several platforms, one platform's `manifest`, or
    `unknown`. `platforms` are those that the image is made for, each with its own manifest's digest where
    that was seen.
    """

    status: Literal["confirmed"] = "confirmed"
    digest: Digest
    kind: Literal["index", "manifest", "unknown"]
    platforms: Mapping[Platform, Digest | None]
    seen: Annotated[tuple[Sighting, ...], Field(min_length=1)]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """No digest is known; `why` says what was looked for and not found."""

    status: Literal["unconfirmed"] = "unconfirmed"
    why: Annotated[str, StringConstraints(min_length=1)]


Evidence = Annotated[Confirmed | Unconfirmed, Field(discriminator="status")]


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An image that its maker publishes, in `repository`, which names the registry's host."""

    origin: Literal["published"] = "published"
    name: LogicalName
    repository: Repository
    tag: Tag
    evidence: Evidence

    @property
    def ref(self) -> ImageRef:
        return ImageRef(repository=self.repository, tag=self.tag, digest=digest_of(self.evidence))


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image that the user builds for `platforms` and pushes to `repository` below their own registry
    (the setting `images.registry`). Until then it has no digest."""

    origin: Literal["built"] = "built"
    name: LogicalName
    repository: RepositoryPath
    tag: Tag
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1)]
    evidence: Evidence

    def ref_in(self, registry: str) -> ImageRef:
        repository = f"{registry.rstrip('/')}/{self.repository}"
        return ImageRef(repository=repository, tag=self.tag, digest=digest_of(self.evidence))


Image = Published | Built


def digest_of(evidence: Confirmed | Unconfirmed) -> str | None:
    return evidence.digest if isinstance(evidence, Confirmed) else None


@_strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLock:
    """All images, sorted by name and tag. No two share both; those of one name share their repository."""

    version: Literal[1] = 1
    images: tuple[Annotated[Published | Built, Field(discriminator="origin")], ...]

    def find(self, name: str, tag: str) -> Published | Built | None:
        return next((image for image in self.images if (image.name, image.tag) == (name, tag)), None)

    def named(self, name: str) -> tuple[Published | Built, ...]:
        """Every entry of that name, the oldest tag first as far as tags sort."""
        return tuple(image for image in self.images if image.name == name)

    def holding(self, image: Published | Built) -> ImageLock:
        """This lock with `image` in it, instead of the entry of the same name and tag if there is one."""
        others = [other for other in self.images if (other.name, other.tag) != (image.name, image.tag)]
        return ImageLock(images=tuple(sorted([*others, image], key=_key)))


class ImageLockError(ValueError):
    """The lock cannot be read. The message has one line a mistake, each naming the image and the field."""


def load_image_lock(text: str) -> ImageLock:
    """Read a lock; its entries may stand in any order. ImageLockError names everything that is wrong."""
    try:
        lock = _LOCK.validate_json(text)
    except ValidationError as refused:
        raise ImageLockError("\n".join(_mistakes(refused, text))) from None
    if mistakes := _contradictions(lock):
        raise ImageLockError("\n".join(mistakes))
    return ImageLock(images=tuple(sorted(lock.images, key=_key)))


def render_image_lock(lock: ImageLock) -> str:
    """The lock as the file's text: one field a line, entries sorted, so that a diff shows what changed."""
    return json.dumps(_LOCK.dump_python(lock, mode="json"), indent=2, ensure_ascii=False) + "\n"


@cache
def image_lock() -> ImageLock:
    """The lock that ships with this package."""
    return load_image_lock(files(__package__ or "planning").joinpath(LOCK_FILE).read_text(encoding="utf-8"))


_LOCK = TypeAdapter(ImageLock)
_UNION_TAGS: Final = {"published", "built", "confirmed", "unconfirmed", "registry", "file"}


def _key(image: Published | Built) -> tuple[str, str]:
    return image.name, image.tag


def _mistakes(refused: ValidationError, text: str) -> list[str]:
    lines: list[str] = []
    for error in refused.errors(include_url=False, include_context=False):
        if error["type"] == "json_invalid":
            return [f"it is not JSON: {error['msg'].removeprefix('Invalid JSON: ')}."]
        match error["loc"]:
            case ("images", int(index), *rest):
                where = _title(text, index)
            case rest:
                where = "the lock"
        field = ".".join(str(part) for part in rest if part not in _UNION_TAGS) or "the entry"
        instead = "" if error["type"] == "missing" else f", not {error['input']!r:.80}"
        lines.append(f"{where}: {field}: {error['msg']}{instead}.")
    return lines


def _title(text: str, index: int) -> str:
    """The entry's place, and its name and tag as far as it has them."""
    entry: object = json.loads(text)["images"][index]
    known = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
    title = ":".join(str(known[part]) for part in ("name", "tag") if part in known)
    return f"images[{index}] ({title})" if title else f"images[{index}]"


def _contradictions(lock: ImageLock) -> list[str]:
    mistakes: list[str] = []
    by_key: dict[tuple[str, str], Published | Built] = {}
    by_name: dict[str, Published | Built] = {}
    for image in lock.images:
        title = f"{image.name}:{image.tag}"
        if _key(image) in by_key:
            mistakes.append(f"{title}: is there twice. Keep one entry.")
        first = by_name.setdefault(image.name, image)
        if (first.origin, first.repository) != (image.origin, image.repository):
            mistakes.append(
                f"{title}: is {image.origin} in {image.repository!r}, but {first.name}:{first.tag} is"
                f" {first.origin} in {first.repository!r}. One name has one repository."
            )
        by_key[_key(image)] = image
    return mistakes


if TYPE_CHECKING:
    IMAGE_LOCK: ImageLock
    """The lock that ships with this package."""
else:

    def __getattr__(name):
        # Read on first use: a broken lock must not keep `tritonup images` from starting, which mends it.
        if name == "IMAGE_LOCK":
            return image_lock()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
