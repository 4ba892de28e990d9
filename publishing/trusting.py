"""Whether what a destination says of a digest can be believed: its signatures, before any of its files is read."""

from __future__ import annotations

from dataclasses import dataclass

from planning.findings import Finding, Place, Rule, Severity
from planning.signing import Trust
from publishing.layout import Held, content_prefix, signature_key
from publishing.signature import LONGEST, SignatureError, Statement, read_signature, read_statement
from publishing.store import NotThereError, Store

PUBLISHED = Rule("TU242", Severity.ERROR, "What a server serves is published")
KNOWN_KEY = Rule("TU243", Severity.ERROR, "A published model is signed by a key that the stack trusts")
NOT_REVOKED = Rule("TU244", Severity.ERROR, "A published model is not signed by a revoked key alone")
GENUINE = Rule("TU245", Severity.ERROR, "A signature is genuine, and signs the digest beside which it lies")

PUSH = "Run `tritonup models push -s STACK` with a key that the stack trusts."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """`statement` is what the owner of the key `fingerprint` signed; `name` is the key's in the stack file; `bundle` is
    the signature as it is stored."""

    statement: Statement
    fingerprint: str
    name: str
    bundle: bytes


def trusted(store: Store, held: Held, trust: Trust) -> Trusted | tuple[Finding, ...]:
    """The statement that a trusted key signed, or why there is none. One good signature is enough: others may be by
    keys of other stacks, or by one that has been revoked since."""
    found: list[Finding] = []
    if not held.signatures:
        half = f"{len(held.files)} files are there, and no signature" if held.files else "nothing of it is there"
        return (_finding(store, held, PUBLISHED, f"is not published: {half}.", PUSH),)
    for fingerprint in sorted(held.signatures):
        outcome = _judged(store, held, fingerprint, trust)
        if isinstance(outcome, Trusted):
            return outcome
        found.append(outcome)
    return tuple(found)


def not_published(store: Store, server: str, digest: str) -> tuple[Finding, ...]:
    """Of a digest that the listing does not show at all."""
    return (
        _finding(
            store, Held(server=server, digest=digest), PUBLISHED, "is not published: nothing of it is there.", PUSH
        ),
    )


def _judged(store: Store, held: Held, fingerprint: str, trust: Trust) -> Trusted | Finding:
    if fingerprint in trust.revoked:
        return _finding(
            store,
            held,
            NOT_REVOKED,
            f"is signed by the key {fingerprint[:12]}…, which is revoked.",
            "Do not serve it. Make sure of the files' origin, and push them again with a key that is trusted.",
        )
    if fingerprint not in trust.trusted:
        trusts = ", ".join(name for name, _ in trust.trusted.values()) or "nobody"
        return _finding(
            store,
            held,
            KNOWN_KEY,
            f"is signed by the key {fingerprint[:12]}…, which the stack does not know; it trusts {trusts}.",
            "Find out whose key that is. If it is yours, add its public half to model_repository.signing.trusted.",
        )
    name, key = trust.trusted[fingerprint]
    path = signature_key(held.server, held.digest, fingerprint)
    forged = "Somebody changed it. Do not serve it: find out who can write to the store, and push again."
    try:
        bundle = _read(store, held, fingerprint)
        signature = read_signature(bundle)
        if not signature.is_by(key):
            return _finding(store, held, GENUINE, f"has a signature that {name!r} did not make.", forged, path)
        statement = read_statement(signature.payload)
    except SignatureError as refused:
        return _finding(store, held, GENUINE, f"has a signature that {refused}.", forged, path)
    if (statement.server, statement.digest) != (held.server, held.digest):
        return _finding(
            store,
            held,
            GENUINE,
            f"has a signature of {statement.server}/{statement.digest[:12]}…, put here from there.",
            forged,
            path,
        )
    return Trusted(statement=statement, fingerprint=fingerprint, name=name, bundle=bundle)


def _read(store: Store, held: Held, fingerprint: str) -> bytes:
    if held.signatures[fingerprint].size > LONGEST:
        raise SignatureError(f"is longer than {LONGEST} bytes")
    try:
        return store.read(signature_key(held.server, held.digest, fingerprint))
    except NotThereError:
        raise SignatureError("went away while it was read") from None


def _finding(store: Store, held: Held, rule: Rule, what: str, fix: str, path: str | None = None) -> Finding:
    where = path or content_prefix(held.server, held.digest)
    return Finding(rule=rule, at=Place(file=store.at(where), field=f"servers.{held.server}"), what=what, fix=fix)
