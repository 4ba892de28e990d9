"""A stack's plan as a document: the summary, the pools, each server, the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from cli.report.clusters import cluster_section
from cli.report.document import Acceptances, Document, Findings, Paragraph, Section
from cli.report.metrics import metrics_section
from cli.report.pools import pools_section
from cli.report.servers import servers_section
from cli.report.summary import summary_section
from planning.acceptance import Accepted
from planning.findings import Finding, Place, Severity
from planning.plan import Plan
from planning.wording import counted

Verdict = Literal["error", "warning", "clean"]


def planned_document(
    stack: str, plan: Plan, findings: Sequence[Finding], accepted: Sequence[Accepted], root: Path
) -> Document:
    """The report of `plan`. `findings` and `accepted` are the plan's with the lines that they are about; their
    paths are shown from `root`, the project's folder, so that a report reads alike on every machine."""
    shown = [_from_root(finding, root) for finding in findings]
    lived_with = [replace(known, finding=_from_root(known.finding, root)) for known in accepted]
    return Document(
        stack=stack,
        title=f"Plan of stack {stack}",
        verdict=_verdict(shown),
        sections=(
            summary_section(stack, plan, _verdict_text(shown, lived_with)),
            *([cluster] if (cluster := cluster_section(plan)) is not None else []),
            pools_section(plan),
            metrics_section(plan),
            servers_section(plan),
            _findings(shown, lived_with),
        ),
    )


def refused_document(stack: str, findings: Sequence[Finding], root: Path) -> Document:
    """The report of a stack whose settings cannot be read: there is no plan, only what is wrong."""
    shown = [_from_root(finding, root) for finding in findings]
    text = f"Stack {stack} cannot be planned: its stack file has {counted(len(shown), 'error')}."
    return Document(
        stack=stack,
        title=f"Plan of stack {stack}",
        verdict="error",
        sections=(
            Section(key="summary", title="Summary", blocks=(Paragraph(text=text),)),
            _findings(shown, ()),
        ),
    )


def _verdict(findings: Sequence[Finding]) -> Verdict:
    if any(finding.severity is Severity.ERROR for finding in findings):
        return "error"
    return "warning" if findings else "clean"


def _verdict_text(findings: Sequence[Finding], accepted: Sequence[Accepted]) -> str:
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = len(findings) - errors
    counts = f"Verdict: {_some(errors, 'error')}, {_some(warnings, 'warning')}"
    lived_with = f", and {_some(len(accepted), 'warning')} accepted with a reason" if accepted else ""
    consequence = (
        " Nothing may be made from this plan until the errors are mended."
        if errors
        else " It would serve, worse than it should."
        if warnings
        else ""
    )
    return f"{counts}{lived_with}.{consequence}"


def _some(number: int, noun: str) -> str:
    return counted(number, noun) if number else f"no {noun}"


def _findings(findings: Sequence[Finding], accepted: Sequence[Accepted]) -> Section:
    errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
    warnings = tuple(finding for finding in findings if finding.severity is Severity.WARNING)
    return Section(
        key="findings",
        title="Findings",
        blocks=(
            Findings(key="errors", title="Errors", findings=errors),
            Findings(key="warnings", title="Warnings", findings=warnings),
            Acceptances(key="accepted", title="Accepted warnings", accepted=tuple(accepted)),
        ),
    )


def _from_root(finding: Finding, root: Path) -> Finding:
    folder = f"{root.as_posix()}/"
    place = Place(field=finding.at.field, file=finding.at.file.replace(folder, ""), line=finding.at.line)
    return replace(finding, at=place, what=finding.what.replace(folder, ""), fix=finding.fix.replace(folder, ""))
