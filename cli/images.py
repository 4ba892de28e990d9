"""`tritonup images`: what the image lock holds, and whether the registries still agree.

`list` uses no network. Exit status: 0 all is well, 1 the lock and a registry differ,
2 the question could not be answered (usage, an unreadable lock, a registry that does not answer).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Column, Table

from cli.console import Exit, err, out, print_table
from cli.destinations import complain, stop
from cli.image_check import (
    Absent,
    Answer,
    Change,
    Check,
    Failed,
    Image,
    Skipped,
    ask,
    changes,
    check,
    choose,
    title,
)
from cli.images_build import build_image, push_image
from cli.images_options import AsJson, LockPath, PlainHttp, Timeout, read_the_lock, registries_of
from cli.lock_file import PACKAGED_LOCK, LockFileError, write_lock
from cli.models_options import print_json
from cli.registry import ANSWER_SECONDS, Registries
from planning.images import Confirmed, ImageLock, Published, RegistryAnswer, Unconfirmed, digest_of, render_image_lock

app = typer.Typer(
    help="Container images and their digests: the image lock, and the registries behind it.",
    no_args_is_help=True,
)
app.command("build")(build_image)
app.command("push")(push_image)

_DIGITS = 12
"""How much of a digest a table shows: enough to tell images apart, as Docker does. `--json` has all of it."""

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME[:TAG]", help="Images of the lock. Without any: all of them."),
]
Mirror = Annotated[
    str | None,
    typer.Option(metavar="HOST/PATH", help="Ask this mirror for published images, as `images.mirror` says."),
]
UserRegistry = Annotated[
    str | None,
    typer.Option("--registry", metavar="HOST/PATH", help="Where your built images are (`images.registry`)."),
]


@app.command("list")
def list_images(names: Names = None, lock: LockPath = PACKAGED_LOCK, as_json: AsJson = False) -> None:
    """Show the images of the lock, their digests, and where those were seen. Uses no network."""
    held = read_the_lock(lock)
    chosen = ImageLock(images=tuple(_choose(held, names, new_tags=False)))
    if as_json:
        typer.echo(render_image_lock(chosen), nl=False)
        return
    table = _table(_digest_column("Digest"), Column("Platforms", no_wrap=True), "Seen")
    for image in chosen.images:
        match image.evidence:
            case Confirmed() as known:
                table.add_row(title(image), _short(known.digest), "\n".join(known.platforms), _where(known))
            case Unconfirmed():
                state = "not confirmed" if isinstance(image, Published) else "not built yet"
                table.add_row(title(image), "none", "", f"[yellow]{state}[/]")
    print_table(table)
    for image in chosen.images:
        if isinstance(image.evidence, Unconfirmed):
            out.print(f"{title(image)}: {image.evidence.why}", markup=False)


@app.command()
def verify(
    names: Names = None,
    lock: LockPath = PACKAGED_LOCK,
    as_json: AsJson = False,
    mirror: Mirror = None,
    registry: UserRegistry = None,
    plain_http: PlainHttp = False,
    timeout: Timeout = ANSWER_SECONDS,
) -> None:
    """Compare the lock with the registries. Exits 1 where they differ."""
    registries = registries_of(plain_http, timeout)
    images = _choose(read_the_lock(lock), names, new_tags=False)
    answers = _ask(images, registries, mirror, registry)
    checks = [check(answer, registries) for answer in answers]
    status = max((one.exit_status for one in checks), default=0)
    if as_json:
        print_json({"exit": status, "images": [one.as_json() for one in checks]})
    else:
        print_table(_check_table(checks))
    raise typer.Exit(status)


@app.command()
def update(
    names: Names = None,
    lock: LockPath = PACKAGED_LOCK,
    as_json: AsJson = False,
    mirror: Mirror = None,
    registry: UserRegistry = None,
    plain_http: PlainHttp = False,
    timeout: Timeout = ANSWER_SECONDS,
) -> None:
    """Ask the registries what the tags name now, and write it into the lock.

    NAME:TAG with a new tag of a known image adds it. All or nothing: where one image cannot be resolved, the
    lock stays as it is.
    """
    held = read_the_lock(lock)
    answers = _ask(_choose(held, names, new_tags=True), registries_of(plain_http, timeout), mirror, registry)
    failures = [(answer, result) for answer in answers if isinstance(result := answer.result, Failed | Absent)]
    skipped = [(answer, result) for answer in answers if isinstance(result := answer.result, Skipped)]
    found = changes(answers, on=date.today())
    written = bool(found) and not failures
    if written:
        for change in found:
            held = held.holding(change.new)
        try:
            write_lock(lock, held)
        except LockFileError as refused:
            stop(str(refused))
    status = Exit.USAGE if failures else Exit.CLEAN
    if as_json:
        print_json(
            {
                "exit": status,
                "written": written,
                "changes": [change.as_json() for change in found],
                "failures": [{"image": title(one.image), "why": result.why} for one, result in failures],
                "skipped": [{"image": title(one.image), "why": result.why} for one, result in skipped],
            }
        )
        raise typer.Exit(status)
    for answer, failed in failures:
        complain(f"{title(answer.image)}: {failed.why}")
    if failures:
        complain(f"{lock} was not changed. Name the images that you want, to leave these out.")
    elif found:
        print_table(_change_table(found))
        typer.echo(f"Wrote {lock}.")
    elif len(skipped) < len(answers):
        typer.echo("The lock says already what the registries say.")
    for answer, result in skipped:
        typer.echo(f"{title(answer.image)} was left out: {result.why}.")
    raise typer.Exit(status)


def _choose(held: ImageLock, names: list[str] | None, *, new_tags: bool) -> tuple[Image, ...]:
    try:
        return choose(held, names or (), new_tags=new_tags)
    except ValueError as refused:
        stop(str(refused))


def _ask(
    images: Sequence[Image], registries: Registries, mirror: str | None, registry: str | None
) -> tuple[Answer, ...]:
    columns = SpinnerColumn(), TextColumn("{task.completed}/{task.total} asking for {task.fields[image]}")
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=len(images), completed=-1, image="")

        def before(image: Image) -> None:
            progress.update(task, advance=1, image=title(image))

        return ask(images, registries, mirror=mirror, registry=registry, before=before)


def _table(*columns: Column | str) -> Table:
    """A table whose first column is the image."""
    return Table(Column("Image", no_wrap=True), *columns, box=box.SIMPLE_HEAD, pad_edge=False)


def _digest_column(header: str) -> Column:
    return Column(header, no_wrap=True, min_width=_DIGITS)


_COLOURS = {"same": "green", "unconfirmed": "yellow", "skipped": "dim"}


def _check_table(checks: Sequence[Check]) -> Table:
    table = _table("State", _digest_column("Locked"), _digest_column("Found"), "Note")
    for one in checks:
        state = f"[{_COLOURS.get(one.state, 'red')}]{one.state}[/]"
        locked = digest_of(one.image.evidence)
        table.add_row(title(one.image), state, _short(locked), _short(one.found), escape(one.note))
    return table


def _change_table(found: Sequence[Change]) -> Table:
    table = _table(_digest_column("Was"), _digest_column("Is"), "Change")
    for change in found:
        was, now = digest_of(change.old.evidence), digest_of(change.new.evidence)
        table.add_row(title(change.new), _short(was), _short(now), change.why)
    return table


def _where(evidence: Confirmed) -> str:
    """Who showed the digest, and on which day at the latest."""
    days = [sighting.on for sighting in evidence.seen if sighting.on is not None]
    last = f"\n{max(days)}" if days else ""
    answers = [sighting for sighting in evidence.seen if isinstance(sighting, RegistryAnswer)]
    files = len(evidence.seen) - len(answers)
    return ("its registry" if answers else f"{files} public file{'s' * (files > 1)}") + last


def _short(digest: str | None) -> str:
    return "none" if digest is None else digest.removeprefix("sha256:")[:_DIGITS]
