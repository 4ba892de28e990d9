"""Whose signatures on published models a stack trusts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planning.findings import Finding, Rule, Severity, setting
from planning.settings.keys import PublicKey
from planning.settings.repository import ModelRepository, Signing

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
    return Trust(trusted={}, revoked=frozenset()) if signing is None else trust_of(signing)


def trust_of(signing: Signing) -> Trust:
    return Trust(
        trusted={key.fingerprint: (name, key) for name, key in signing.trusted.items()},
        revoked=frozenset(signing.revoked),
    )


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
