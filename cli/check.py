"""`tritonup check`: what keeps a stack, or a model repository, from serving, as text, JSON or SARIF."""

from __future__ import annotations

import json
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cli.console import Exit, err, out
from cli.project import PlannedStack, planned_stack, project_root, stacks_of
from cli.repository_check import repository_findings
from planning.acceptance import Accepted
from planning.findings import Finding, Severity

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def check(
    stack: Annotated[list[str] | None, typer.Option("--stack", "-s", help="A stack; left out, all of them.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = Format.TEXT,
    json_: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    repository: Annotated[
        Path | None, typer.Option("--repository", help="A model repository instead of stacks: no stack is read.")
    ] = None,
    allow_code: Annotated[
        list[str] | None,
        typer.Option("--allow-code", help="With --repository: a model that may bring code, as security.python_models."),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option("--backend", help="With --repository: a backend of the server's own, beside NVIDIA's."),
    ] = None,
    gpus: Annotated[
        int | None, typer.Option("--gpus", min=0, help="With --repository: how many GPUs the server has.")
    ] = None,
    release: Annotated[
        str | None, typer.Option("--release", help="With --repository: the server's Triton release (26.06).")
    ] = None,
) -> None:
    """Say what keeps a stack, or a model repository, from serving. Exits 0 without errors, 1 with, 2 if there is
    nothing to check."""
    of_repository = {"--allow-code": allow_code, "--backend": backend, "--gpus": gpus, "--release": release}
    if repository is not None and stack:
        _wrong_use("--repository and --stack exclude each other: name one of them.")
    if repository is None and (stray := [name for name, value in of_repository.items() if value is not None]):
        _wrong_use(f"{stray[0]} goes with --repository: a stack file says it itself.")
    if repository is not None:
        models = repository_findings(
            repository, allow_code=allow_code or (), backends=backend or (), gpus=gpus, release=release
        )
        _report({repository.as_posix(): models}, {}, Format.JSON if json_ else format_)
        return
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
    _report(found, accepted, Format.JSON if json_ else format_)


def _wrong_use(message: str) -> NoReturn:
    err.print(message, markup=False)
    raise typer.Exit(Exit.USAGE)


def _report(found: dict[str, tuple[Finding, ...]], accepted: dict[str, tuple[Accepted, ...]], format_: Format) -> None:
    """Print `found`, by stack or by repository, and exit with an error where one is."""
    match format_:
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
        same = Counter(f"{one.finding.rule.id} {one.finding.at}: {one.reason}" for one in accepted.get(name, ()))
        for one, times in same.items():
            often = f" ({times} findings)" if times > 1 else ""
            out.print(f"accepted {one}{often}", markup=False, style="dim")
        verdict = f"{len(errors)} error(s), {len(warnings)} warning(s)"
        verdict += f", {len(accepted[name])} accepted" if name in accepted else ""
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
