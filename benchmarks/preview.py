"""How long a preview takes beside what cannot be avoided, and how `tritonup check` grows with its repository.

    .venv/bin/python benchmarks/preview.py [--runs N]

Two claims:

1. The program's own time for stack `prod` (imports of what is ours and of pydantic, settings, model repository, plan,
   every resource under the recording monitor) is at most 1.5 times the time of importing the Pulumi SDK modules that
   it uses. Both are timed in one interpreter, one after the other: first the SDK is imported, then the program runs.
2. `tritonup check` on a repository of 1,000 generated models takes less than 10 s from the command's start to its
   end, and grows linearly.

Every interpreter is a fresh one and finds its bytecode compiled, as every preview after the first does. Ratios are
judged by processor time (all threads together), which other work on the machine lengthens least; the 10 s are judged
by the clock. Both are reported, as medians, in preview.json and preview.md beside this file. Exits 1 where a claim
does not hold.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from repositories import generate  # noqa: E402 - the tests' builder of repositories

MOST_RATIO = 1.5
MOST_SECONDS = 10.0
MOST_GROWTH = 1.25
"""A model of the second half may cost this much more than one of the first before it is no longer called linear."""

SIZES = (250, 500, 1000)

PROGRAM = """
from pathlib import Path
from pulumi import ResourceOptions
import stacks.program
from stacks.composition import compose
from stacks.planned import planned
from stacks.recording import record
from stacks.stackfile import read_stack_file
root = Path.cwd()
plan = planned(read_stack_file(root, "prod").settings, root)
assert not plan.errors, plan.errors
made = record(lambda: compose(plan, ResourceOptions()), stack="prod")
"""
"""What `pulumi up` runs, up to the cluster itself, which this release does not build for `prod`."""

TIMED = """
import time, json, sys
def now():
    return [time.perf_counter(), time.process_time()]
start = now()
{sdk}
imported = now()
# The SDK puts a lazy stand-in for every group of which nothing is used.
modules = [name for name, module in sys.modules.items() if type(module).__name__ != "_LazyModule"]
count = sum(name.split(".")[0] in ("pulumi", "pulumi_kubernetes") for name in modules)
ready = now()
{program}
done = now()
times = [[b - a for a, b in zip(*pair)] for pair in ((start, imported), (ready, done))]
print(json.dumps({{"modules": count, "resources": len(made), "times": times}}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What figures depend on and a reader needs. Deliberately without a date and a name."""

    cores: int
    system: str
    python: str
    pulumi: str
    pulumi_kubernetes: str


@dataclass(frozen=True, slots=True)
class Took:
    """Medians, in seconds."""

    clock: float
    processor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`own`: of the program, the SDK being imported; `imports`: of the SDK."""

    resources: int
    sdk_modules: int
    runs: int
    own: Took
    imports: Took

    @property
    def ratio(self) -> float:
        return self.own.processor / self.imports.processor


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """From the command's start to its end."""

    models: int
    runs: int
    took: Took


def machine() -> Machine:
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        pulumi=version("pulumi"),
        pulumi_kubernetes=version("pulumi-kubernetes"),
    )


def sdk_imports() -> list[str]:
    """The statements by which the program imports Pulumi's SDKs, each once."""
    found: set[str] = set()
    for path in (*(ROOT / "components").rglob("*.py"), *(ROOT / "stacks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            imports = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if isinstance(node, ast.Import):
                imports = node.names[0].name
            if imports.split(".")[0] in ("pulumi", "pulumi_kubernetes"):
                found.add(ast.unparse(node))
    return sorted(found)


def measure_program(runs: int, env: Mapping[str, str]) -> Program:
    timed = TIMED.format(sdk="\n".join(sdk_imports()), program=PROGRAM)
    measured = [_run(timed, env) for _ in range(runs + 1)][1:]
    imports, own = ([Took(*run["times"][part]) for run in measured] for part in (0, 1))
    return Program(
        resources=measured[0]["resources"],
        sdk_modules=measured[0]["modules"],
        runs=runs,
        own=_median(own),
        imports=_median(imports),
    )


def _run(program: str, env: Mapping[str, str]) -> Any:
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        sys.exit(ran.stderr)
    return json.loads(ran.stdout.splitlines()[-1])


def _median(runs: Sequence[Took]) -> Took:
    return Took(
        clock=statistics.median(run.clock for run in runs),
        processor=statistics.median(run.processor for run in runs),
    )


def measure_check(models: int, runs: int, env: Mapping[str, str]) -> Check:
    command = Path(sys.executable).with_name("tritonup")
    measured: list[Took] = []
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        _project(project, models)
        for _ in range(runs + 1):
            clock, processor = time.perf_counter(), _of_children()
            ran = subprocess.run(
                [command, "check", "-s", "local"],
                cwd=project,
                env=dict(env),
                capture_output=True,
                text=True,
                check=False,
            )
            measured.append(Took(clock=time.perf_counter() - clock, processor=_of_children() - processor))
            if ran.returncode != 0:
                sys.exit(ran.stdout + ran.stderr)
    return Check(models=models, runs=runs, took=_median(measured[1:]))


def _of_children() -> float:
    """Processor time in seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _project(folder: Path, models: int) -> None:
    """The local stack, serving every model of a generated repository."""
    document = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8"))
    (server,) = document["config"]["tritonup:settings"]["servers"].values()
    server["models"] = [path.name for path in sorted(generate(folder / "model_repository", models).iterdir())]
    server["resources"]["memory"] = "64Gi"
    document["config"]["tritonup:settings"]["security"] = {"python_models": []}
    (folder / "Pulumi.local.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"), encoding="utf-8")


def growth(checks: Sequence[Check]) -> float:
    """What a model of the second half costs beside one of the first: 1 is linear, 2 would be quadratic."""
    small, middle, large = ((check.models, check.took.processor) for check in checks)
    early = (middle[1] - small[1]) / (middle[0] - small[0])
    late = (large[1] - middle[1]) / (large[0] - middle[0])
    return late / early


def report(on: Machine, program: Program, checks: Sequence[Check]) -> str:
    rows = "\n".join(f"| {check.models:,} | {_row(check.took)} |" for check in checks)
    small, middle, large = (f"{check.models:,}" for check in checks)
    return f"""# Preview: measured

On {on.cores} cores ({on.system}), Python {on.python}, pulumi {on.pulumi}, pulumi-kubernetes {on.pulumi_kubernetes}.
Medians; `benchmarks/preview.py` says what is timed and how, and writes this page.

## The program for stack `prod`, beside importing the SDK that it uses

| median of {program.runs} | processor | clock |
|---|---|---|
| the SDK: importing the {program.sdk_modules} Pulumi modules that it uses | {_row(program.imports)} |
| the program's own: other imports, settings, repository, plan, {program.resources} resources | {_row(program.own)} |

The second takes **{program.ratio:.2f}** times the first (processor time; target: at most {MOST_RATIO}). Together they
are what the program adds to a preview.

## `tritonup check` on a generated repository

Three of four models are ONNX models with dynamic batching, the fourth is an ensemble of them.

| models, median of {checks[0].runs} | processor | clock |
|---|---|---|
{rows}

Target: less than {MOST_SECONDS:.0f} s by the clock for {large}. From {middle} to {large} models one more costs
**{growth(checks):.2f}** times what it costs from {small} to {middle} (processor time; 1 is linear, 2 would be
quadratic; target: at most {MOST_GROWTH}).
"""


def _row(took: Took) -> str:
    return f"{took.processor:.2f} s | {took.clock:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="of each program; a third of it for each check")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as bytecode:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = bytecode
        on, program = machine(), measure_program(runs, env)
        checks = [measure_check(models, max(3, runs // 3), env) for models in SIZES]
    figures = {
        "machine": asdict(on),
        "program": {**asdict(program), "ratio": program.ratio},
        "checks": [asdict(check) for check in checks],
        "growth": growth(checks),
    }
    here = Path(__file__).parent
    (here / "preview.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    text = report(on, program, checks)
    (here / "preview.md").write_text(text, encoding="utf-8")
    print(text)
    held = program.ratio <= MOST_RATIO and checks[-1].took.clock < MOST_SECONDS and growth(checks) <= MOST_GROWTH
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
