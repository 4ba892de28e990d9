"""Whose signatures on published models a stack trusts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planning.findings import Finding, Rule, Severity, setting
from planning.settings.keys import PublicKey

if TYPE_CHECKING:  # a pod's fetching program reads no stack file
    from planning.settings.repository import ModelRepository

NOT_BOTH = Rule("TU122", Severity.ERROR, "A key is either trusted or revoked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The trusted keys by their fingerprint, each with its name in the stack file, and the revoked fingerprints."""

    trusted: Mapping[str, tuple[str, PublicKey]]
    revoked: frozenset[str]

    def name(self, fingerprint: str) -> str:
        """A key as people know it: its name, or how its fingerprint begins."""
        known = self.trusted.get(fingerprint)
        return known[0] if known else fingerprint[:12]


def plan_trust(repository: ModelRepository) -> Trust:
    """Nobody is trusted where the stack file names no key."""
    signing = repository.signing
    return trust_in({}, ()) if signing is None else trust_in(signing.trusted, signing.revoked)


def trust_in(trusted: Mapping[str, PublicKey], revoked: Iterable[str]) -> Trust:
    """In the keys `trusted`, each by its name, and in none whose fingerprint is `revoked`."""
    return Trust(trusted={key.fingerprint: (name, key) for name, key in trusted.items()}, revoked=frozenset(revoked))


def check_signing(repository: ModelRepository) -> Iterator[Finding]:
    """A key that is revoked and still among the trusted: the file says two things."""
    signing = repository.signing
    if signing is None:
        return
    for name, key in signing.trusted.items():
        if key.fingerprint in signing.revoked:
            yield Finding(
                rule=NOT_BOTH,
                at=setting(f"model_repository.signing.trusted.{name}"),
                what=f"{name!r} is revoked: its fingerprint {key.fingerprint[:12]}… is among `revoked`.",
                fix="Take the key out of `trusted`, and push again with another key what it has signed.",
            )
