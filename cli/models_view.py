"""What `tritonup models` prints: tables for people, plain data for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Column, Table

from cli.transfers import finding_data, size
from planning.findings import Finding
from publishing.layout import Held
from publishing.pushing import How, Pushed
from publishing.retention import Decision
from publishing.trusting import Trusted
from publishing.verifying import Verified

DIGITS = 12
"""How much of a digest a table shows. `--json` has all of it."""


def table(*columns: Column | str) -> Table:
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)


def pushed_line(pushed: Pushed) -> str:
    """`vision 3f2a… sent 3 files (1.2 MiB), copied 1 (80 MiB); signed by ci`"""
    if pushed.already:
        done = "was published already, 0 bytes sent"
    else:
        notes = {How.SENT: f"; {size(pushed.kept)} were there from an earlier push"} if pushed.kept else {}
        shown = [
            f"{how} {pushed.files[how]} file{'s'[: pushed.files[how] > 1]}"
            f" ({size(pushed.bytes[how])}{notes.get(how, '')})"
            for how in (How.SENT, How.COPIED, How.PRESENT)
            if pushed.files[how]
        ]
        done = ", ".join(shown)
    return f"{pushed.server} {pushed.digest}\n  {done}; signed by {pushed.signed_by}"


def pushed_data(pushed: Pushed) -> dict[str, Any]:
    return {
        "server": pushed.server,
        "digest": pushed.digest,
        "url": pushed.url,
        "already": pushed.already,
        "signed_by": pushed.signed_by,
        "files": {str(how): count for how, count in pushed.files.items()},
        "bytes": {str(how): amount for how, amount in pushed.bytes.items()},
        "kept_bytes": pushed.kept,
    }


def verified_data(verified: Verified) -> dict[str, Any]:
    return {
        "server": verified.server,
        "digest": verified.digest,
        "url": verified.url,
        "good": not verified.findings,
        "signed_by": verified.signed.name if verified.signed else None,
        "findings": [finding_data(finding) for finding in verified.findings],
    }


def held_data(held: Held, believed: Trusted | Sequence[Finding], named_by: Sequence[str]) -> dict[str, Any]:
    """One published digest, with whose it is or what is wrong with its signatures."""
    about: dict[str, Any] = {
        "server": held.server,
        "digest": held.digest,
        "published": held.since.isoformat() if held.since else None,
        "bytes": held.total_bytes,
        "files": len(held.files),
        "named_by": list(named_by),
    }
    if isinstance(believed, Trusted):
        return {**about, "signed_by": believed.name, "models": list(believed.statement.models)}
    return {**about, "signed_by": None, "findings": [finding_data(one) for one in believed]}


def decision_data(decision: Decision) -> dict[str, Any]:
    version = decision.version
    return {
        "server": version.server,
        "digest": version.digest,
        "goes": decision.goes,
        "why": decision.why,
        "bytes": version.total_bytes,
        "changed": version.changed.isoformat(),
    }


def decision_table(decisions: Sequence[Decision], notes: Mapping[tuple[str, str], str]) -> Table:
    """`notes` stand in place of what was decided, where a removal went another way."""
    shown = table("Server", Column("Digest", no_wrap=True), "Size", "Outcome", "Because")
    for decision in decisions:
        version = decision.version
        outcome = notes.get(version.identity, "would go" if decision.goes else "stays")
        shown.add_row(version.server, version.digest[:DIGITS], size(version.total_bytes), outcome, decision.why)
    return shown
