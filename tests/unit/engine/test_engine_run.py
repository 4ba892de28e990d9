"""How the engine is run: what it is told, what it sees of the user's, and what becomes of its words."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_programs import FakePulumi, fake_pulumi

from local.cluster.errors import ClusterError
from local.engine.deploying import Engine
from local.engine.events import Begun, Event, Said
from local.engine.installed import Installed
from local.engine.state import checkpoint
from local.engine.workplace import Workplace

SETTINGS = {"namespace": "somewhere", "servers": {}}

USERS = {
    "PATH": os.environ["PATH"],
    "PULUMI_ACCESS_TOKEN": "of the user",
    "PULUMI_BACKEND_URL": "s3://of-the-user",
    "PULUMI_CONFIG_PASSPHRASE": "of the user",
    "PULUMI_STACK": "prod",
    "PULUMI_HOME": "/of/the/user",
    "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
    "KUBECONFIG": "/of/the/user",
    "AWS_PROFILE": "of the user",
}


def line(**event: Any) -> str:
    return json.dumps({"sequence": 1, "timestamp": 1, **event})


def step(kind: str, op: str, type_: str, name: str) -> str:
    urn = f"urn:pulumi:local::tritonup::tritonup:serving:Server${type_}::program-{name}"
    own = {"inputs": {"metadata": {"name": name}}}
    return line(**{kind: {"metadata": {"op": op, "urn": urn, "type": type_, "new": own, "old": None}}})


def said(severity: str, message: str, urn: str = "", ephemeral: bool = False) -> str:
    return line(diagnosticEvent={"severity": severity, "message": message, "urn": urn, "ephemeral": ephemeral})


@pytest.fixture
def pulumi(tmp_path: Path) -> FakePulumi:
    return fake_pulumi(tmp_path / "bin")


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(root=tmp_path / "workplace", ends_with_cluster=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    declared = {
        "name": "tritonup",
        "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}},
    }
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    (folder / "Pulumi.local.yaml").write_text("config: {tritonup:settings: {of: the user}}\n", encoding="utf-8")
    return folder


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def engine(pulumi: FakePulumi, workplace: Workplace, heard: list[Event], tmp_path: Path) -> Engine:
    return Engine(
        installed=Installed(pulumi=pulumi.program, plugins=tmp_path / "plugins"),
        workplace=workplace,
        kubeconfig="a whole kubeconfig",
        told=heard.append,
        inherited=USERS,
    )


def write_state(workplace: Workplace, latest: Mapping[str, Any]) -> None:
    path = checkpoint(workplace, "local")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}), encoding="utf-8")


def test_a_first_run_makes_the_stack_and_a_further_one_does_not(
    engine: Engine, pulumi: FakePulumi, project: Path, workplace: Workplace
) -> None:
    engine.up(project, "local", SETTINGS)
    assert [call["arguments"][:2] for call in pulumi.calls()] == [["stack", "init"], ["up", "--yes"]]
    write_state(workplace, {})
    engine.up(project, "local", SETTINGS)
    assert [call["arguments"][0] for call in pulumi.calls()] == ["stack", "up", "up"]
    for call in pulumi.calls():
        assert {"--non-interactive", f"--cwd={workplace.project}"} <= set(call["arguments"])
        assert call["arguments"][call["arguments"].index("--stack") + 1] == "local"


def test_the_engine_sees_no_backend_stack_secret_or_cluster_of_the_users(
    engine: Engine, pulumi: FakePulumi, project: Path, workplace: Workplace
) -> None:
    engine.up(project, "local", SETTINGS)
    for call in pulumi.calls():
        seen = call["environment"]
        # What is not Pulumi's may be how the user reaches the cluster.
        assert {name for name, value in USERS.items() if seen.get(name) == value} == {"PATH", "AWS_PROFILE"}
        assert "KUBECONFIG" not in seen
        assert seen["PULUMI_BACKEND_URL"] == f"file://{workplace.state}"
        assert seen["PULUMI_HOME"] == str(workplace.home)
        assert seen["PULUMI_SKIP_UPDATE_CHECK"] == "true"


def test_nothing_of_the_users_project_is_written_and_its_program_is_the_one_that_runs(
    engine: Engine, project: Path, workplace: Workplace
) -> None:
    before = {path.name: path.read_bytes() for path in project.iterdir()}
    engine.up(project, "local", SETTINGS)
    assert {path.name: path.read_bytes() for path in project.iterdir()} == before
    staged = yaml.safe_load((workplace.project / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert staged["main"] == str(project)
    assert staged["runtime"]["options"] == {"toolchain": "pip", "virtualenv": str(project / ".venv")}
    stack = yaml.safe_load((workplace.project / "Pulumi.local.yaml").read_text(encoding="utf-8"))
    assert stack["config"] == {"tritonup:settings": SETTINGS, "tritonup:kubeconfig": str(workplace.kubeconfig)}


def test_the_digests_of_packed_images_are_said_with_the_stack(
    engine: Engine, project: Path, workplace: Workplace
) -> None:
    engine.up(project, "local", SETTINGS, {"localhost/some:tag": "sha256:5"})
    stack = yaml.safe_load((workplace.project / "Pulumi.local.yaml").read_text(encoding="utf-8"))
    assert stack["config"]["tritonup:packed_images"] == {"localhost/some:tag": "sha256:5"}


def test_what_the_engine_needs_to_read_its_secrets_again_is_kept(
    engine: Engine, pulumi: FakePulumi, project: Path, workplace: Workplace
) -> None:
    engine.up(project, "local", SETTINGS)
    file = workplace.project / "Pulumi.local.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "encryptionsalt: v1:salt\n", encoding="utf-8")
    engine.up(project, "local", {**SETTINGS, "namespace": "elsewhere"})
    again = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert again["encryptionsalt"] == "v1:salt"
    assert again["config"]["tritonup:settings"]["namespace"] == "elsewhere"
    assert len({call["passphrase"] for call in pulumi.calls()}) == 1


def test_secrets_are_readable_by_their_owner_alone_and_the_kubeconfig_is_there_only_meanwhile(
    engine: Engine, pulumi: FakePulumi, project: Path, workplace: Workplace
) -> None:
    engine.up(project, "local", SETTINGS)
    assert stat.S_IMODE(workplace.passphrase.stat().st_mode) == 0o600
    assert stat.S_IMODE(workplace.root.stat().st_mode) == 0o700
    assert len(workplace.passphrase.read_text(encoding="utf-8")) >= 32
    for call in pulumi.calls():
        assert (call["kubeconfig"], call["kubeconfig_mode"]) == ("a whole kubeconfig", 0o600)
    assert not workplace.kubeconfig.exists()


def test_two_workplaces_share_no_passphrase(engine: Engine, tmp_path: Path) -> None:
    other = Workplace(root=tmp_path / "other", ends_with_cluster=True)
    for one in (engine.workplace, other):
        one.lay_out(engine.installed)
    assert other.passphrase.read_bytes() != engine.workplace.passphrase.read_bytes()


def test_objects_are_told_by_their_own_names_and_by_what_became_of_them(
    engine: Engine, pulumi: FakePulumi, project: Path, heard: list[Event]
) -> None:
    pulumi.tell(
        up={
            "lines": [
                "no event at all",
                step("resourcePreEvent", "refresh", "kubernetes:core/v1:Service", "triton"),
                step("resOutputsEvent", "refresh", "kubernetes:core/v1:Service", "triton"),
                step("resOutputsEvent", "same", "kubernetes:core/v1:Service", "triton"),
                step("resourcePreEvent", "update", "kubernetes:apps/v1:Deployment", "triton-floor"),
                line(stdoutEvent={"message": "^C received; cancelling.\n"}),
                said("info", "<{%fg 13%}>[1/2]<{%reset%}> Waiting for pods", ephemeral=True),
                step("resOutputsEvent", "update", "kubernetes:apps/v1:Deployment", "triton-floor"),
                step("resOutputsEvent", "delete", "kubernetes:policy/v1:PodDisruptionBudget", "triton"),
                step("resOutputsEvent", "create", "pulumi:providers:kubernetes", "cluster"),
            ]
        }
    )
    deployed = engine.up(project, "local", SETTINGS)
    assert deployed.kept == ("service/triton",)
    assert deployed.changed == ("deployment/triton-floor",)
    assert deployed.removed == ("poddisruptionbudget/triton",)
    assert deployed.objects == 2
    assert Begun(doing="updating deployment/triton-floor") in heard
    assert Said(severity="warning", text="^C received; cancelling.", about="", passing=False) in heard
    assert Said(severity="info", text="[1/2] Waiting for pods", about="", passing=True) in heard


def test_a_failure_is_told_in_the_engines_words_with_the_object_that_they_are_about(
    engine: Engine, pulumi: FakePulumi, project: Path
) -> None:
    urn = "urn:pulumi:local::tritonup::kubernetes:core/v1:Service::triton"
    pulumi.tell(up={"lines": [said("error", "<{%fg 1%}>port is taken<{%reset%}>", urn)], "code": 255})
    with pytest.raises(ClusterError, match=r"`pulumi up` failed:\nservice/triton: port is taken$"):
        engine.up(project, "local", SETTINGS)


def test_a_failure_before_any_event_is_told_by_what_it_complained_about(
    engine: Engine, pulumi: FakePulumi, project: Path
) -> None:
    pulumi.tell(up={"complaint": "error: no such thing", "code": 255})
    with pytest.raises(ClusterError, match="error: no such thing"):
        engine.up(project, "local", SETTINGS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reaches_the_engine_once_and_is_waited_for(
    engine: Engine, pulumi: FakePulumi, project: Path, number: signal.Signals
) -> None:
    pulumi.tell(up={"waits": True, "code": 255})
    waiting = pulumi.folder / "waiting"

    def interrupt() -> None:
        while not waiting.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        engine.up(project, "local", SETTINGS)
    thread.join()
    assert pulumi.calls()[-1]["signals"] == [number]
    assert signal.getsignal(number) is before
    assert not engine.workplace.kubeconfig.exists()


def test_no_second_engine_works_in_the_same_place(engine: Engine, project: Path, workplace: Workplace) -> None:
    workplace.lay_out(engine.installed)
    with workplace.holding("one"), pytest.raises(ClusterError, match="Another `pulumi` is at work"):
        engine.up(project, "local", SETTINGS)


def test_the_state_of_a_killed_engine_is_unlocked_and_what_it_was_making_is_adopted(
    engine: Engine, pulumi: FakePulumi, project: Path, workplace: Workplace
) -> None:
    write_state(workplace, {"pending_operations": [{"type": "creating"}]})
    lock = workplace.state / ".pulumi" / "locks" / "organization" / "tritonup" / "local" / "1.json"
    lock.parent.mkdir(parents=True)
    lock.write_text("{}", encoding="utf-8")
    engine.up(project, "local", SETTINGS)
    cancelling, deploying = pulumi.calls()
    assert cancelling["arguments"][0] == "cancel"
    assert deploying["environment"]["PULUMI_K8S_UPSERT_EXISTING_OBJECTS"] == "true"
    assert "PULUMI_K8S_UPSERT_EXISTING_OBJECTS" not in cancelling["environment"]


def test_a_destroyed_stack_leaves_no_workplace(engine: Engine, project: Path, workplace: Workplace) -> None:
    engine.up(project, "local", SETTINGS)
    engine.destroy("local")
    assert not workplace.root.exists()


def test_a_destroy_that_failed_keeps_the_state(
    engine: Engine, pulumi: FakePulumi, project: Path, workplace: Workplace
) -> None:
    engine.up(project, "local", SETTINGS)
    write_state(workplace, {"resources": [{"type": "kubernetes:core/v1:Service"}]})
    pulumi.tell(destroy={"code": 255, "complaint": "error: unreachable"})
    with pytest.raises(ClusterError, match="unreachable"):
        engine.destroy("local")
    assert checkpoint(workplace, "local").exists()
