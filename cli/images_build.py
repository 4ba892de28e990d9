"""`tritonup images build` and `push`: the image of our own programs, from this checkout to the user's registry."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cli.console import Exit, out
from cli.destinations import complain, stop
from cli.images_options import AsJson, LockPath, PlainHttp, read_the_lock, registries_of
from cli.lock_file import PACKAGED_LOCK, LockFileError, write_lock
from cli.models_options import print_json
from cli.progress import ConsoleProgress, refusals
from cli.registry import Registries, RegistryError, TamperedError
from local.cluster.image_archive import PackedImage, unpacked
from local.cluster.layout import LAYOUT
from local.cluster.programs_image import programs_image
from planning.images import Built, Confirmed, ImageLock, RegistryAnswer
from planning.release import PROGRAMS_IMAGE, PROGRAMS_TAG

PUSH_SECONDS = 120.0
"""How long a registry may be silent while it stores a layer of some 50 MB."""

PLATFORMS = ("linux/amd64",)


def build_image(
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Copy the OCI archive there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pack the image of our own programs, without Docker, and print its digest. Equal content has an equal digest."""
    packed = _packed()
    if to is not None:
        try:
            shutil.copyfile(packed.archive, to)
        except OSError as refused:
            stop(f"{to} cannot be written: {refused.strerror}.", Exit.FINDINGS)
    where = to or packed.archive
    if as_json:
        print_json({"exit": 0, "image": packed.name, "digest": packed.digest, "archive": str(where)})
        return
    out.print(f"{PROGRAMS_IMAGE}:{PROGRAMS_TAG} {packed.digest}\n  {where}", markup=False)


def push_image(
    registry: Annotated[
        str, typer.Option("--registry", metavar="HOST/PATH", help="Your registry, as `images.registry` names it.")
    ],
    lock: LockPath = PACKAGED_LOCK,
    plain_http: PlainHttp = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="How long a registry may take to answer.")
    ] = PUSH_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Pack that image, push it below your registry, and write its digest into the image lock.

    Pushed again unchanged it sends nothing, and leaves the lock as it is."""
    held = read_the_lock(lock)
    entry = held.find(PROGRAMS_IMAGE, PROGRAMS_TAG)
    if not isinstance(entry, Built):
        stop(f"{lock} has no entry of an image that you build named {PROGRAMS_IMAGE}:{PROGRAMS_TAG}.")
    packed = _packed()
    try:
        confirmed = _pushed(packed, entry, registry, registries_of(plain_http, timeout))
    except RegistryError as refused:
        stop(str(refused), Exit.FINDINGS)
    pushed = Built(
        name=entry.name,
        repository=entry.repository,
        tag=entry.tag,
        platforms=PLATFORMS,
        evidence=confirmed,
    )
    written = _differs(entry, pushed)
    if written:
        _write(lock, held.holding(pushed))
    reference = pushed.ref_in(registry).pinned
    if as_json:
        print_json({"exit": 0, "image": reference, "digest": packed.digest, "lock_written": written})
        return
    out.print(reference, markup=False)
    out.print(f"  written into {lock}" if written else f"  {lock} says so already", markup=False)


def _packed() -> PackedImage:
    with refusals():
        return programs_image(LAYOUT, ConsoleProgress(), newest=True)


def _pushed(packed: PackedImage, entry: Built, registry: str, registries: Registries) -> Confirmed:
    """What the registry itself says of the image, once it has it."""
    place = entry.ref_in(registry)
    with ConsoleProgress().step(f"pushing to {place.repository}"), unpacked(packed) as image:
        registries.push(place.repository, place.tag, image)
    found = registries.resolve(place.repository, place.tag)
    if found.digest != packed.digest:
        raise TamperedError(
            f"{place.repository}: {packed.digest} was pushed, and {place.tag} names {found.digest}. Somebody else"
            " pushes there, or the registry rewrites manifests."
        )
    seen = RegistryAnswer(url=found.url, on=date.today())
    return Confirmed(digest=found.digest, kind=found.kind, platforms=dict(found.platforms), seen=(seen,))


def _differs(was: Built, now: Built) -> bool:
    """The day on which a digest was seen again is no news."""
    old, new = was.evidence, now.evidence
    return not (isinstance(old, Confirmed) and isinstance(new, Confirmed) and old.digest == new.digest)


def _write(path: Path, lock: ImageLock) -> None:
    try:
        write_lock(path, lock)
    except LockFileError as refused:
        complain(str(refused))
        raise typer.Exit(Exit.USAGE) from None
