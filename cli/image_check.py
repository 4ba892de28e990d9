"""Comparing the image lock's entries with what their registries say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from cli.registry import NotThereError, Registries, RegistryError, Resolved, UnreachableError
from planning.images import (
    Built,
    Confirmed,
    ImageLock,
    ImageRef,
    Published,
    RegistryAnswer,
    Unconfirmed,
    digest_of,
)

Image = Published | Built


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The registry answered, and has no such image."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The registry gave no answer that can be used."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Nobody was asked."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What asking for `image` as `ref` came to."""

    image: Image
    ref: ImageRef | None
    result: Resolved | Absent | Failed | Skipped


def title(image: Image) -> str:
    return f"{image.name}:{image.tag}"


def choose(lock: ImageLock, names: Sequence[str], *, new_tags: bool) -> tuple[Image, ...]:
    """The entries that `names` (NAME or NAME:TAG) mean; all of them for no names.

    With `new_tags` a tag that the lock does not have yet is a new entry of that name. ValueError for a name
    that the lock does not know.
    """
    if not names:
        return lock.images
    chosen: dict[str, Image] = {}
    for wanted in names:
        name, colon, tag = wanted.partition(":")
        known = lock.named(name)
        if not known:
            raise ValueError(f"the lock has no image {name!r}. It has {', '.join(_names(lock))}.")
        found = [image for image in known if not colon or image.tag == tag]
        if not found and new_tags and tag:
            nobody = Unconfirmed(why="No registry was asked yet.")
            found = [dataclasses.replace(known[-1], tag=tag, evidence=nobody)]
        if not found:
            tags = ", ".join(image.tag for image in known)
            raise ValueError(f"the lock has no tag {tag!r} of {name}. It has {tags}.")
        chosen |= {title(image): image for image in found}
    return tuple(chosen.values())


def _names(lock: ImageLock) -> list[str]:
    return sorted({image.name for image in lock.images})


def ask(
    images: Sequence[Image],
    registries: Registries,
    *,
    mirror: str | None,
    registry: str | None,
    before: Callable[[Image], None],
) -> tuple[Answer, ...]:
    """Resolve every image in turn, calling `before` each. A registry that is out of reach is asked once."""
    unreachable: dict[str, str] = {}
    answers: list[Answer] = []
    for image in images:
        before(image)
        if isinstance(image, Published):
            ref = image.ref.through(mirror)
        elif registry is not None:
            ref = image.ref_in(registry)
        else:
            why = "you build it; --registry says where it is"
            answers.append(Answer(image=image, ref=None, result=Skipped(why=why)))
            continue
        answers.append(Answer(image=image, ref=ref, result=_resolve(ref, registries, unreachable)))
    return tuple(answers)


def _resolve(ref: ImageRef, registries: Registries, unreachable: dict[str, str]) -> Resolved | Absent | Failed:
    host = ref.repository.partition("/")[0]
    if host in unreachable:
        return Failed(why=unreachable[host])
    try:
        return registries.resolve(ref.repository, ref.tag)
    except NotThereError as refused:
        return Absent(why=str(refused))
    except UnreachableError as refused:
        unreachable[host] = str(refused)
        return Failed(why=str(refused))
    except RegistryError as refused:
        return Failed(why=str(refused))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What became of one entry: `found` is the digest that the tag has now."""

    image: Image
    state: Literal["same", "moved", "differs", "gone", "unconfirmed", "skipped", "failed"]
    found: str | None = None
    note: str = ""

    @property
    def exit_status(self) -> int:
        """2 where nothing could be compared, 1 where lock and registry differ, otherwise 0."""
        return 2 if self.state == "failed" else int(self.state in ("moved", "differs", "gone"))

    def as_json(self) -> dict[str, str | None]:
        return {
            "image": title(self.image),
            "state": self.state,
            "locked": digest_of(self.image.evidence),
            "found": self.found,
            "note": self.note,
        }


def check(answer: Answer, registries: Registries) -> Check:
    """Compare an answer with the entry that it is about; a moved tag costs one more request."""
    image, evidence = answer.image, answer.image.evidence
    match answer.result:
        case Skipped(why=why):
            return Check(image=image, state="skipped", note=why)
        case Failed(why=why):
            return Check(image=image, state="failed", note=why)
        case Absent(why=why):
            return Check(image=image, state="gone" if isinstance(evidence, Confirmed) else "unconfirmed", note=why)
        case Resolved() as found:
            pass
    if isinstance(evidence, Unconfirmed):
        note = "the lock has no digest; `tritonup images update` writes this one"
        return Check(image=image, state="unconfirmed", found=found.digest, note=note)
    if found.digest != evidence.digest:
        return Check(image=image, state="moved", found=found.digest, note=_fate(answer, evidence, registries))
    if wrong := _wrong_details(evidence, found):
        return Check(image=image, state="differs", found=found.digest, note="; ".join(wrong))
    return Check(image=image, state="same", found=found.digest)


def _fate(answer: Answer, evidence: Confirmed, registries: Registries) -> str:
    if answer.ref is None:
        return ""
    try:
        served = registries.serves(answer.ref.repository, evidence.digest)
    except RegistryError as refused:
        return f"whether the locked digest can still be pulled is not known: {refused}"
    return "the locked digest can still be pulled" if served else "the locked digest can no longer be pulled"


def _wrong_details(evidence: Confirmed, found: Resolved) -> list[str]:
    wrong: list[str] = []
    if evidence.kind not in ("unknown", found.kind):
        wrong.append(f"kind: the lock says {evidence.kind}, it is {found.kind}")
    for platform, digest in evidence.platforms.items():
        now = found.platforms.get(platform)
        if now is None:
            wrong.append(f"{platform}: the lock has it, the image is for {', '.join(found.platforms) or 'none'}")
        elif digest not in (None, now):
            wrong.append(f"{platform}: the lock says {digest}, it is {now}")
    return wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry's `old` and `new` form, and `why` the new one is another."""

    old: Image
    new: Image
    why: str

    def as_json(self) -> dict[str, str | None]:
        return {
            "image": title(self.new),
            "old": digest_of(self.old.evidence),
            "new": digest_of(self.new.evidence),
            "why": self.why,
        }


def changes(answers: Sequence[Answer], on: date) -> tuple[Change, ...]:
    """The entries that the lock needs to say what the registries said on the day `on`.

    An entry that says it already, by a registry's word, is left alone with the day on which it was first seen.
    """
    found: list[Change] = []
    for answer in answers:
        if not isinstance(answer.result, Resolved):
            continue
        why = _difference(answer.image.evidence, answer.result)
        if why is not None:
            seen = RegistryAnswer(url=answer.result.url, on=on)
            evidence = Confirmed(
                digest=answer.result.digest,
                kind=answer.result.kind,
                platforms=dict(sorted(answer.result.platforms.items())),
                seen=(seen,),
            )
            new = dataclasses.replace(answer.image, evidence=evidence)
            found.append(Change(old=answer.image, new=new, why=why))
    return tuple(found)


def _difference(evidence: Confirmed | Unconfirmed, found: Resolved) -> str | None:
    if isinstance(evidence, Unconfirmed):
        return "first digest"
    if evidence.digest != found.digest:
        return "the tag moved"
    if evidence.kind != found.kind or dict(evidence.platforms) != dict(found.platforms):
        return "kind or platforms"
    if not any(isinstance(sighting, RegistryAnswer) for sighting in evidence.seen):
        return "now by the registry's word"
    return None
