"""Warnings that the stack file accepts, each with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.findings import Finding, Rule, Severity, setting
from planning.settings.root import Acceptance

NOTHING_ACCEPTED = Rule("TU121", Severity.WARNING, "An acceptance accepts something")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A warning that the stack file accepts, with its reason."""

    finding: Finding
    reason: str


def accept(
    found: Sequence[Finding], acceptances: Sequence[Acceptance]
) -> tuple[tuple[Finding, ...], tuple[Accepted, ...]]:
    """Warnings that the stack file accepts, apart from the rest. Errors stay, and keep us from telling which
    acceptances are idle, but for those of errors: what cannot be planned cannot be warned about."""
    remaining: list[Finding] = []
    accepted: list[Accepted] = []
    used: set[int] = set()
    for finding in found:
        for index, acceptance in enumerate(acceptances):
            fits = acceptance.rule == finding.rule.id and acceptance.at in (None, finding.at.field)
            if fits and finding.severity is Severity.WARNING:
                accepted.append(Accepted(finding=finding, reason=acceptance.reason))
                used.add(index)
                break
        else:
            remaining.append(finding)
    errors = {finding.rule.id for finding in remaining if finding.severity is Severity.ERROR}
    warned = {finding.finding.rule.id for finding in accepted}
    for index, acceptance in enumerate(acceptances):
        if index in used or (errors and acceptance.rule not in errors):
            continue
        where = f" at {acceptance.at}" if acceptance.at else ""
        if acceptance.rule in errors:
            what = f"{acceptance.rule} is an error, which cannot be accepted."
        elif acceptance.rule in warned:
            what = f"{acceptance.rule} warns of nothing{where} that an entry before does not accept."
        else:
            what = f"{acceptance.rule} is not a warning of this plan{where}."
        remaining.append(
            Finding(rule=NOTHING_ACCEPTED, at=setting(f"accept[{index}].rule"), what=what, fix="Take the entry out.")
        )
    return tuple(remaining), tuple(accepted)
