"""What is imported: no cloud's SDK that a stack does not use, no Pulumi where a command needs none, and between the
project's rooms only what its design allows."""

from __future__ import annotations

import ast
import functools
import json
import re
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rendered_stack import ROOT, STACKS

RENDER = """
from pathlib import Path
from stacks.stackfile import read_stack_file
from stacks.planned import planned
from stacks.render import rendered
import stacks.program  # what `pulumi up` runs
root = Path.cwd()
assert rendered(planned(read_stack_file(root, {stack!r}).settings, root), {stack!r})
"""

COMMAND = """
from typer.testing import CliRunner
from cli.main import app
result = CliRunner().invoke(app, {args!r})
assert result.exit_code == 0, result.output
"""


@functools.cache
def _imported_by(program: str) -> set[str]:
    """The names of all modules that a fresh interpreter has loaded at the end of `program`."""
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


def _below(modules: set[str], *packages: str) -> list[str]:
    return sorted(name for name in modules if name.split(".")[0] in packages)


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_imports_no_cloud_sdk_that_it_does_not_use(stack: str, assembled_models: None) -> None:
    modules = _imported_by(RENDER.format(stack=stack))
    # Rendering makes nothing of a cloud, so that it needs no SDK of one; together they cost seconds.
    assert _below(modules, "pulumi_gcp", "pulumi_aws") == []
    assert "pulumi_kubernetes.apps.v1" in modules


DEPLOY = """
from pathlib import Path
from stacks.stackfile import read_stack_file
from stacks.planned import planned
from stacks.program import deploy
from stacks.recording import record
root = Path.cwd()
plan = planned(read_stack_file(root, {stack!r}).settings, root)
asked = {{"gcp:organizations/getProject:getProject": {{"number": "1"}}}}
assert record(lambda: deploy(plan), stack={stack!r}, calls=asked)
"""


def test_a_stack_that_makes_its_cluster_imports_that_clouds_sdk_alone(assembled_models: None) -> None:
    loaded = {
        name.split(".")[1] for name in _below(_imported_by(DEPLOY.format(stack="dev")), "pulumi_gcp") if "._" in name
    }
    # The SDK puts a lazy stand-in for every group; what is loaded has its inputs below it.
    assert {"compute", "container", "kms", "projects", "serviceaccount", "storage"} <= loaded
    assert _below(_imported_by(DEPLOY.format(stack="dev")), "pulumi_aws") == []


DEPLOY_EKS = """
import sys
sys.path.insert(0, "tests/stacks")
from recorded_eks import prod_eks
prod_eks()
"""

SDKS = ("pulumi", "pulumi_kubernetes", "pulumi_gcp", "pulumi_aws")


MORE_RUNS = 4


def _cpu_s(program: str) -> float:
    """Of a fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("program", [DEPLOY.format(stack="dev"), DEPLOY_EKS], ids=["gke", "eks"])
def test_a_whole_program_takes_no_more_than_half_again_what_its_sdk_modules_take_to_import(
    program: str, assembled_models: None
) -> None:
    modules = _below(_imported_by(program), *SDKS)
    # Some of the stand-ins are no modules that can be imported by name.
    importing = f"""
import importlib, contextlib
for name in {modules!r}:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
"""
    alone, whole = _cpu_s(importing), _cpu_s(program)
    for _ in range(MORE_RUNS):
        # Each beside its own: where a core is shared with another guest, seconds of CPU are twice as long for a while.
        if whole <= 1.5 * alone:
            break
        alone, whole = _cpu_s(importing), _cpu_s(program)
    print(f"{len(modules)} modules: {alone:.1f} s of CPU, the program {whole:.1f} s, {whole / alone:.2f} times")
    assert whole <= 1.5 * alone


def test_of_kubernetes_only_the_groups_that_are_used_are_imported(assembled_models: None) -> None:
    # The SDK puts a lazy stand-in for every group; what is loaded has modules below its version.
    loaded = [name.split(".") for name in _below(_imported_by(RENDER.format(stack="prod")), "pulumi_kubernetes")]
    groups = {tuple(parts[1:3]) for parts in loaded if len(parts) > 3}
    assert {group for group, _ in groups} == {
        "admissionregistration",
        "apps",
        "autoscaling",
        "core",
        "meta",
        "networking",
        "policy",
        "rbac",
        "scheduling",
    }
    assert ("autoscaling", "v2") in groups
    assert not {("core", "v2"), ("autoscaling", "v1"), ("apps", "v1beta1")} & groups


@pytest.mark.parametrize("args", [["check", "--format", "sarif"], ["plan", "-s", "prod"], ["schema"]])
def test_a_command_that_makes_no_resources_imports_no_pulumi(args: list[str], assembled_models: None) -> None:
    modules = _imported_by(COMMAND.format(args=args))
    assert _below(modules, "pulumi", "pulumi_kubernetes", "pulumi_gcp", "pulumi_aws", "grpc") == []


def test_the_list_of_commands_imports_none_of_them() -> None:
    modules = _imported_by(COMMAND.format(args=["--help"]))
    assert _below(modules, "planning", "publishing", "stacks", "local", "pydantic", "numpy", "rich") == []


def test_a_pull_imports_nothing_of_planning_but_the_block_that_says_where_models_are_and_whom_to_trust() -> None:
    modules = _imported_by(COMMAND.format(args=["models", "pull", "--help"]))
    assert "publishing.pulling" in modules
    assert {
        "planning.plan",
        "planning.settings.root",
        "planning.repository.reader",
        "publishing.pushing",
    } & modules == set()
    assert _below(modules, "numpy", "onnx", "local") == []


def test_what_every_pod_begins_with_imports_no_pydantic() -> None:
    """It is half of the time in which the program starts."""
    modules = _imported_by("import programs.models_pull, programs.models_wait, publishing.direct, obstore.store")
    assert _below(modules, "pydantic", "pydantic_core", "numpy", "requests", "botocore", "yaml") == []


STANDARD = set(sys.stdlib_module_names)
SIDE_EFFECTS = {"socket", "ssl", "http", "urllib", "subprocess", "time", "random", "secrets", "asyncio"}
"""Of the standard library what planning, a pure function, has no use for: network, processes, clock, chance."""

ROOMS: dict[str, set[str]] = {
    "planning": {"pydantic", "pydantic_core", "numpy", "onnx", "tritonclient", "google", "yaml", "planning"},
    "components": {"pulumi", "pulumi_kubernetes", "pulumi_gcp", "pulumi_aws", "planning", "components"},
    "publishing": {
        "pydantic",
        "obstore",
        "botocore",
        "cryptography",
        "huggingface_hub",
        "requests",
        "urllib3",
        "planning",
        "publishing",
    },
    "stacks": {"pulumi", "pulumi_kubernetes", "pydantic", "yaml", "planning", "components", "stacks"},
}
"""What each may import beside the standard library (DESIGN, "Rooms")."""


def _imports(room: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    yield from ((path, name.name) for name in names)
                case ast.ImportFrom(module=str(module), level=0):
                    yield path, module
                case _:
                    pass


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = ROOMS[room] | STANDARD
    strangers = [
        f"{path.relative_to(ROOT)}: {module}" for path, module in _imports(room) if module.split(".")[0] not in allowed
    ]
    assert strangers == []


def test_planning_has_no_way_to_a_network_a_process_a_clock_or_chance() -> None:
    reaching = [
        f"{path.relative_to(ROOT)}: {module}"
        for path, module in _imports("planning")
        if module.split(".")[0] in SIDE_EFFECTS and module != "urllib.parse"  # which reads an address, and no more
    ]
    assert reaching == []
    for path in (ROOT / "planning").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(call in text for call in ("os.environ", "os.getenv", ".now(", ".today(")), path


def test_components_know_neither_the_configuration_nor_the_stacks_name() -> None:
    for path in (ROOT / "components").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(call in text for call in ("pulumi.Config", "get_stack(", "get_project(", "os.environ")), path


def test_all_tests_can_be_given_to_one_run() -> None:
    """A file of the tests is imported by its bare name, from whichever folder pytest has put on the path first."""
    files = sorted((ROOT / "tests").rglob("*.py"))
    named = Counter(path.name for path in files if path.name != "conftest.py")
    assert [name for name, count in named.items() if count > 1] == []
    # There is one in each folder, and which of them this would be depends on what else is run.
    assert [path for path in files if re.search(r"^(from|import) conftest\b", path.read_text(), re.MULTILINE)] == []


def test_one_file_alone_reads_the_configuration() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for room in ("planning", "components", "stacks", "cli", "local")
        for path in (ROOT / room).rglob("*.py")
        if "pulumi.Config(" in path.read_text(encoding="utf-8")
    ]
    assert readers == ["stacks/settings.py"]
