"""`tritonup check`: what keeps a stack from serving, as text, JSON or SARIF."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.console import Exit, err, out
from cli.project import PlannedStack, planned_stack, project_root, stacks_of
from planning.findings import Finding, Severity
from planning.plan import Accepted

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def check(
    stack: Annotated[list[str] | None, typer.Option("--stack", "-s", help="A stack; left out, all of them.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = Format.TEXT,
    json_: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Say what keeps a stack from serving. Exits 0 without errors, 1 with, 2 if there is nothing to check."""
    root = project_root()
    names = stack or stacks_of(root)
    if not names:
        err.print(f"{root} has no Pulumi.<stack>.yaml: there is nothing to check.")
        raise typer.Exit(Exit.USAGE)
    found: dict[str, tuple[Finding, ...]] = {}
    accepted: dict[str, tuple[Accepted, ...]] = {}
    for name in names:
        loaded = planned_stack(root, name)
        if isinstance(loaded, PlannedStack):
            found[name], accepted[name] = loaded.findings, loaded.plan.accepted
        else:
            found[name], accepted[name] = loaded, ()
    match Format.JSON if json_ else format_:
        case Format.TEXT:
            _text(found, accepted)
        case Format.JSON:
            out.print_json(json.dumps({name: [as_json(finding) for finding in own] for name, own in found.items()}))
        case Format.SARIF:
            out.print_json(json.dumps(_sarif([finding for own in found.values() for finding in own])))
    if any(finding.severity is Severity.ERROR for own in found.values() for finding in own):
        raise typer.Exit(Exit.FINDINGS)


def as_json(finding: Finding) -> dict[str, Any]:  # JSON
    return {
        "rule": finding.rule.id,
        "severity": finding.severity.value,
        "title": finding.rule.title,
        "file": finding.at.file,
        "line": finding.at.line,
        "field": finding.at.field,
        "what": finding.what,
        "fix": finding.fix,
    }


def _text(found: dict[str, tuple[Finding, ...]], accepted: dict[str, tuple[Accepted, ...]]) -> None:
    for name, own in found.items():
        errors = [finding for finding in own if finding.severity is Severity.ERROR]
        warnings = [finding for finding in own if finding.severity is Severity.WARNING]
        for finding in (*errors, *warnings):
            style = "red" if finding.severity is Severity.ERROR else "yellow"
            out.print(f"[bold {style}]{finding.severity.value}[/] [bold]{finding.rule.id}[/]", end=" ")
            out.print(str(finding.at), markup=False)
            out.print(f"  {finding.what}", markup=False)
            out.print(f"  {finding.fix}", markup=False, style="dim")
        for known in accepted[name]:
            out.print(f"accepted {known.finding.rule.id} {known.finding.at}: {known.reason}", markup=False, style="dim")
        verdict = f"{len(errors)} error(s), {len(warnings)} warning(s), {len(accepted[name])} accepted"
        out.print(f"{name}: {verdict}", style="red" if errors else "green", markup=False)
        if errors or warnings:
            ids = sorted({finding.rule.id for finding in own})
            out.print(f"`tritonup explain {ids[0]}` explains a rule.", style="dim", markup=False)


def _sarif(findings: list[Finding]) -> dict[str, Any]:  # JSON
    """SARIF 2.1.0, as code hosts show it beside the line."""
    rules = {finding.rule.id: finding.rule for finding in findings}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tritonup",
                        "rules": [
                            {"id": rule.id, "shortDescription": {"text": rule.title}}
                            for rule in sorted(rules.values(), key=lambda rule: rule.id)
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": finding.rule.id,
                        "level": finding.severity.value,
                        "message": {"text": f"{finding.at.field}: {finding.what} {finding.fix}"},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": finding.at.file},
                                    "region": {"startLine": finding.at.line or 1},
                                }
                            }
                        ],
                    }
                    for finding in findings
                ],
            }
        ],
    }
