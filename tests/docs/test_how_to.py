"""What the how-tos tell users to write and to run works as it stands there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT, fences

from planning.plan import Plan
from stacks.planned import planned
from stacks.stackfile import StackFile, read_stack_file

PAGE = ROOT / "docs" / "how-to" / "existing-cluster.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that holds the page's stack file and the models that it serves."""
    (stack_file,) = fences(PAGE.read_text(encoding="utf-8"), "yaml")
    (tmp_path / "Pulumi.staging.yaml").write_text(stack_file, encoding="utf-8")
    shutil.copytree(ROOT / "model_repository" / "digits", tmp_path / "model_repository" / "digits")
    return tmp_path


def plan_of(project: Path) -> Plan:
    file = read_stack_file(project, "staging")
    assert isinstance(file, StackFile), file
    return planned(file.settings, project)


def test_the_stack_file_for_an_existing_cluster_has_no_finding(project: Path) -> None:
    plan = plan_of(project)
    assert plan.findings == ()
    assert [server.name for server in plan.servers] == ["vision"]


def test_the_lines_that_stage_models_write_the_very_bytes_of_the_digest(project: Path) -> None:
    (lines,) = fences(PAGE.read_text(encoding="utf-8"), "python")
    (project / "stage.py").write_text(lines, encoding="utf-8")
    subprocess.run([sys.executable, "stage.py", "staging"], cwd=project, check=True, env={"PYTHONPATH": str(ROOT)})
    served = plan_of(project).servers[0].served
    place = project / "build" / "models" / "vision" / served.digest
    written = {
        path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in place.rglob("*")
        if path.is_file()
    }
    assert written == {file.path.as_posix(): file.sha256 for file in served.files}
