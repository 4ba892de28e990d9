"""The project that the command works on, and a stack of it with its plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.ends import Exit
from planning.findings import Finding
from stacks.stackfile import StackFile, read_stack_file

if TYPE_CHECKING:
    from planning.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStack:
    """`findings` are the plan's, each with the file and line that it is about."""

    file: StackFile
    plan: Plan
    findings: tuple[Finding, ...]


def project_root(start: Path | None = None) -> Path:
    """The folder of the nearest `Pulumi.yaml`, from `start` upwards. Exits with a usage error without one."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    from cli.console import err

    err.print(f"No Pulumi.yaml in {here} or above it: run this inside the project.", style="red")
    raise typer.Exit(Exit.USAGE)


def stacks_of(root: Path) -> list[str]:
    """The stacks that have a stack file, sorted."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml"))


def planned_stack(root: Path, stack: str) -> PlannedStack | tuple[Finding, ...]:
    """The stack's plan, or what keeps its stack file from being read."""
    file = read_stack_file(root, stack)
    if not isinstance(file, StackFile):
        return file
    from cli.console import err
    from stacks.planned import planned  # all of planning, which who reads no plan does not wait for

    with err.status(f"planning {stack}"):
        plan = planned(file.settings, root)
    return PlannedStack(file=file, plan=plan, findings=tuple(file.locate(finding) for finding in plan.findings))


def deployable(root: Path, stack: str) -> PlannedStack:
    """The stack's plan without errors. Prints them and exits otherwise."""
    loaded = planned_stack(root, stack)
    findings = loaded.findings if isinstance(loaded, PlannedStack) else loaded
    errors = [finding for finding in findings if finding.severity == "error"]
    if isinstance(loaded, PlannedStack) and not errors:
        return loaded
    from cli.console import err

    for finding in errors:
        err.print(str(finding), style="red", markup=False)
    err.print(f"Stack {stack!r} has {len(errors)} error(s); `tritonup explain RULE` says more of each.", markup=False)
    raise typer.Exit(Exit.FINDINGS)
