"""When `pulumi up` is used, when server-side apply, and when neither, because an object would get two owners."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from fake_programs import fake_kubectl
from test_engine_run import write_state

from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl
from local.engine.installed import Installed, Missing, find_engine
from local.engine.ownership import ByApply, ByEngine, engine_to_remove, way_up
from local.engine.workplace import Workplace

FOUND = Installed(pulumi=Path("/usr/bin/pulumi"), plugins=Path("/plugins"))
GONE = Missing(why="it is not on the PATH")
OBJECTS = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "somewhere"}}]

NOT_APPLIED = {"word": "get deployedstacks", "stderr": "doesn't have a resource type", "code": 1}
APPLIED = {"word": "get deployedstacks", "stdout": json.dumps({"metadata": {"name": "local"}})}
NO_OBJECTS = {"word": "get --filename=-"}


def objects_of(manager: str) -> Mapping[str, Any]:
    item = {"kind": "Namespace", "metadata": {"name": "somewhere", "managedFields": [{"manager": manager}]}}
    return {"word": "get --filename=-", "stdout": json.dumps({"kind": "List", "items": [item]})}


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(root=tmp_path / "workplace", ends_with_cluster=True)


def kubectl(folder: Path, answers: Sequence[Mapping[str, Any]]) -> Kubectl:
    return Kubectl(program=fake_kubectl(folder / "bin", answers), kubeconfig=folder / "kubeconfig")


def deployed_by_engine(workplace: Workplace) -> None:
    write_state(workplace, {"resources": [{"type": "pulumi:pulumi:Stack"}, {"type": "kubernetes:core/v1:Namespace"}]})


def test_an_empty_cluster_gets_the_stack_by_the_engine_where_it_is_there(tmp_path: Path, workplace: Workplace) -> None:
    empty = kubectl(tmp_path, [NOT_APPLIED, NO_OBJECTS])
    assert way_up(FOUND, workplace, empty, "local", OBJECTS) == ByEngine(installed=FOUND)
    assert way_up(GONE, workplace, empty, "local", OBJECTS) == ByApply(why="it is not on the PATH")


def test_an_applied_stack_stays_applied_when_the_engine_is_installed_later(
    tmp_path: Path, workplace: Workplace
) -> None:
    applied = kubectl(tmp_path, [APPLIED, objects_of("tritonup-up")])
    way = way_up(FOUND, workplace, applied, "local", OBJECTS)
    assert isinstance(way, ByApply)
    assert "`tritonup down`, then `tritonup up`" in way.why
    assert way_up(GONE, workplace, applied, "local", OBJECTS) == ByApply(why="it is not on the PATH")


def test_a_stack_of_the_engine_stays_with_it_and_is_refused_when_it_is_gone(
    tmp_path: Path, workplace: Workplace
) -> None:
    deployed_by_engine(workplace)
    there = kubectl(tmp_path, [NOT_APPLIED, objects_of("pulumi-kubernetes-1a2b3c4d")])
    assert way_up(FOUND, workplace, there, "local", OBJECTS) == ByEngine(installed=FOUND)
    with pytest.raises(ClusterError, match=r"nothing was changed.*Bring it back.*tritonup down"):
        way_up(GONE, workplace, there, "local", OBJECTS)


@pytest.mark.parametrize("found", [FOUND, GONE])
def test_what_somebody_elses_engine_made_is_left_alone(
    tmp_path: Path, workplace: Workplace, found: Installed | Missing
) -> None:
    theirs = kubectl(tmp_path, [NOT_APPLIED, objects_of("pulumi-kubernetes-1a2b3c4d")])
    with pytest.raises(ClusterError, match=r"Namespace 'somewhere' is here by a `pulumi up`.*nothing was changed"):
        way_up(found, workplace, theirs, "local", OBJECTS)


def test_a_run_that_made_nothing_binds_no_one_to_the_engine(tmp_path: Path, workplace: Workplace) -> None:
    write_state(workplace, {"resources": [{"type": "pulumi:pulumi:Stack"}, {"type": "pulumi:providers:kubernetes"}]})
    empty = kubectl(tmp_path, [NOT_APPLIED, NO_OBJECTS])
    assert isinstance(way_up(GONE, workplace, empty, "local", OBJECTS), ByApply)


def test_what_the_engine_deployed_is_removed_by_it_alone(workplace: Workplace) -> None:
    assert engine_to_remove(FOUND, workplace, "local") is None
    deployed_by_engine(workplace)
    assert engine_to_remove(FOUND, workplace, "local") == FOUND
    with pytest.raises(ClusterError, match="Bring it back"):
        engine_to_remove(GONE, workplace, "local")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    python = tmp_path / "project" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return tmp_path / "project"


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)


def test_each_missing_part_of_the_engine_is_named(tmp_path: Path, project: Path) -> None:
    bin_, home = tmp_path / "bin", tmp_path / "home"
    environment = {"PATH": str(bin_), "PULUMI_HOME": str(home)}

    def why() -> str:
        found = find_engine(project, environment)
        assert isinstance(found, Missing), found
        return found.why

    assert why() == "it is not on the PATH"
    program(bin_ / "pulumi")
    assert "pulumi-language-python" in why()
    program(bin_ / "pulumi-language-python")
    assert "Kubernetes provider" in why()
    # Another version than the program's would be fetched by the engine.
    program(home / "plugins" / "resource-kubernetes-v4.0.0" / "pulumi-resource-kubernetes")
    assert "Kubernetes provider" in why()
    program(home / "plugins" / f"resource-kubernetes-v{version('pulumi-kubernetes')}" / "pulumi-resource-kubernetes")
    assert find_engine(project, environment) == Installed(pulumi=bin_ / "pulumi", plugins=home / "plugins")
    (project / ".venv" / "bin" / "python").unlink()
    assert "make install" in why()


def test_a_provider_on_the_path_does_unless_the_engine_is_told_to_ignore_it(tmp_path: Path, project: Path) -> None:
    for name in ("pulumi", "pulumi-language-python", "pulumi-resource-kubernetes"):
        program(tmp_path / "bin" / name)
    environment = {"PATH": str(tmp_path / "bin"), "PULUMI_HOME": str(tmp_path)}
    assert isinstance(find_engine(project, environment), Installed)
    assert isinstance(find_engine(project, {**environment, "PULUMI_IGNORE_AMBIENT_PLUGINS": "true"}), Missing)
