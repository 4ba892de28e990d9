"""verify: what is published is what a trusted key signed, no more and no less, to the last byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from planning.findings import Finding, Place, Rule, Severity
from planning.signing import Trust
from publishing.layout import Held, content_key, read_layout
from publishing.proof import stored_sha256
from publishing.signature import SignedFile, Statement
from publishing.store import NotThereError, Store
from publishing.together import Advance, StoppedError, together
from publishing.trusting import Trusted, not_published, trusted

ALL_THERE = Rule("TU246", Severity.ERROR, "Every file that was signed is in the store")
SAME_BYTES = Rule("TU247", Severity.ERROR, "Every published file holds the bytes that were signed")
NOTHING_ELSE = Rule("TU248", Severity.ERROR, "Nothing but what was signed lies where a server reads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What is wrong with a published digest, which is nothing where `findings` are empty. `signed` is None where no
    trusted signature was found."""

    server: str
    digest: str
    url: str
    signed: Trusted | None
    findings: tuple[Finding, ...]


def verify(
    store: Store, server: str, digest: str, trust: Trust, *, contents: bool = True, advance: Advance = lambda _: None
) -> Verified:
    """`contents`: read every file and compare its SHA-256; otherwise what a listing shows is compared."""
    url = store.at(f"{server}/{digest}")
    held = read_layout(store.list(server)).get((server, digest))
    signed = trusted(store, held, trust) if held else not_published(store, server, digest)
    if not isinstance(signed, Trusted) or held is None:
        findings = signed if not isinstance(signed, Trusted) else ()
        return Verified(server=server, digest=digest, url=url, signed=None, findings=findings)
    found = list(_listed(store, held, signed.statement))
    if contents:
        missed = {finding.at.file for finding in found}
        stop = Event()

        def read(file: SignedFile) -> Finding | None:
            if stop.is_set():
                raise StoppedError
            at = content_key(server, digest, file.path)
            if store.at(at) in missed:
                return None
            finding = _content(store, signed.statement, file)
            advance(file.size)
            return finding

        found += [finding for finding in together(read, signed.statement.files, stop) if finding]
    return Verified(server=server, digest=digest, url=url, signed=signed, findings=tuple(found))


def missing(store: Store, statement: Statement, path: str) -> Finding:
    return _finding(store, statement, path, ALL_THERE, "was signed and is not there.", "Push again: it is sent anew.")


def other_bytes(store: Store, statement: Statement, file: SignedFile, found: str | None) -> Finding:
    """`found`: the SHA-256 of what is there; None where it is shorter than it should be."""
    there = f"holds bytes of digest {found[:12]}…" if found else f"has fewer than {file.size} bytes"
    return _finding(
        store,
        statement,
        file.path,
        SAME_BYTES,
        f"{there}, and {file.sha256[:12]}… was signed: it was changed.",
        "Remove it, find out who can write to the store, and push again.",
    )


def _listed(store: Store, held: Held, statement: Statement) -> Iterator[Finding]:
    for file in statement.files:
        there = held.files.get(file.path)
        if there is None:
            yield missing(store, statement, file.path)
        elif there.size != file.size:
            yield _finding(
                store,
                statement,
                file.path,
                SAME_BYTES,
                f"has {there.size} bytes, and {file.size} were signed: it was changed.",
                "Remove it, find out who can write to the store, and push again.",
            )
    for path in sorted(held.files.keys() - {file.path for file in statement.files}):
        yield _finding(
            store,
            statement,
            path,
            NOTHING_ELSE,
            "was not signed, and the server would find it.",
            "Remove it, and find out who can write to the store.",
        )


def _content(store: Store, statement: Statement, file: SignedFile) -> Finding | None:
    try:
        found = stored_sha256(store, content_key(statement.server, statement.digest, file.path))
    except NotThereError:
        return missing(store, statement, file.path)
    return None if found == file.sha256 else other_bytes(store, statement, file, found)


def _finding(store: Store, statement: Statement, path: str, rule: Rule, what: str, fix: str) -> Finding:
    at = store.at(content_key(statement.server, statement.digest, path))
    return Finding(rule=rule, at=Place(file=at, field=f"servers.{statement.server}"), what=what, fix=fix)
