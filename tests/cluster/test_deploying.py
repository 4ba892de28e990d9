"""Two ways to the cluster, and never both for one stack."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_stacks import RenderedStack
from cluster_target import Printed, Target, brought
from engine_stacks import small_server

from cli.deploying import Place, deploy, remove
from cli.project import PlannedStack
from local.cluster.applying import MANAGER, is_applied
from local.cluster.errors import ClusterError
from local.cluster.layout import LAYOUT, PROJECT
from local.cluster.models import forget_models
from local.cluster.stack_images import stack_images
from local.engine.installed import Installed, Missing, find_engine
from local.engine.ownership import ENGINES
from local.engine.state import holds_objects, pending
from local.engine.workplace import Workplace
from planning.model_versions import DEFINITION
from stacks.planned import planned
from stacks.render import rendered
from stacks.stackfile import StackFile, read_stack_file

pytestmark = pytest.mark.engine

NAMESPACE = "tritonup-ways-test"


class Notes(Printed):
    """Keeps what is said to the user."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.doing = threading.Event()

    def note(self, text: str) -> None:
        self.said.append(text)

    def detail(self, text: str) -> None:
        if text.startswith("creating"):
            self.doing.set()


@dataclass(slots=True, kw_only=True)
class Ways:
    """A small stack, its stack file in a folder of the test, and where it goes."""

    folder: Path
    target: Target
    place: Place
    notes: Notes = field(default_factory=Notes)

    def up(self) -> list[str]:
        """What is said of it when the stack is there, without what the engine says of its own parts."""
        self.notes.said.clear()
        file = read_stack_file(self.folder, "local")
        assert isinstance(file, StackFile), file
        plan = planned(file.settings, PROJECT)
        objects = [manifest.body for manifest in rendered(plan, "local")]
        brought(RenderedStack(name="local", plan=plan, objects=objects), self.target, self.notes)
        deploy(PROJECT, PlannedStack(file=file, plan=plan, findings=()), objects, self.place, self.notes)
        return [said for said in self.notes.said if said.startswith(("Deploying", "Nothing", "  changed", "  removed"))]

    def down(self) -> bool:
        return remove(PROJECT, "local", self.place, self.notes)

    def owners(self) -> set[str]:
        """Which of both ways owns fields of the server's Service."""
        service = self.place.kubectl.get("service", "small", f"--namespace={NAMESPACE}", "--show-managed-fields")
        managers = {entry["manager"] for entry in service["metadata"]["managedFields"]}
        by_engine = {"engine" for manager in managers if manager.startswith(ENGINES)}
        return by_engine | {"apply" for manager in managers if manager == MANAGER}


@pytest.fixture
def ways(target: Target, progress: Printed, tmp_path: Path) -> Generator[Ways]:
    if isinstance(found := find_engine(PROJECT), Missing):
        pytest.skip(f"`pulumi up` cannot be run here: {found.why}")
    document = yaml.safe_load((PROJECT / "Pulumi.local.yaml").read_text(encoding="utf-8"))
    settings: dict[str, Any] = document["config"]["tritonup:settings"]
    small_server(settings, NAMESPACE, "small")
    (tmp_path / "Pulumi.local.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    place = Place(
        kubectl=target.kubectl,
        workplace=Workplace(root=tmp_path / "workplace", ends_with_cluster=False),
        images=stack_images(LAYOUT, progress) if target.own else (),
    )
    made = Ways(folder=tmp_path, target=target, place=place)
    yield made
    while made.down() and is_applied(target.kubectl, "local"):
        pass
    forget_models(LAYOUT)
    gone = ("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s")
    target.kubectl.run(*gone, timeout_s=130)
    target.kubectl.run("delete", "crd", DEFINITION, "--ignore-not-found")


def hide_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = find_engine(PROJECT)
    assert isinstance(installed, Installed)
    kept = [part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != installed.pulumi.parent]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))
    assert isinstance(find_engine(PROJECT), Missing)


def test_a_stack_of_the_engine_changes_by_it_alone_and_is_refused_without_it(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ways.up()
    assert first[0].startswith("Deploying by `pulumi up`")
    assert "  changed deployment/small-floor" in first
    assert ways.up()[1:] == [f"Nothing differs: {len(first) - 1} objects are as they were."]
    with monkeypatch.context() as hidden:
        hide_engine(hidden)
        with pytest.raises(ClusterError, match="is here by `pulumi up`, which cannot be run now"):
            ways.up()
        with pytest.raises(ClusterError, match="nothing was changed"):
            ways.down()
    assert ways.owners() == {"engine"}
    assert ways.down()
    assert not ways.place.workplace.root.exists()


def test_an_applied_stack_stays_applied_until_it_is_removed(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hidden:
        hide_engine(hidden)
        first = ways.up()
        assert "not by `pulumi up`" in first[0]
    second = ways.up()
    assert "stays so until it is removed" in second[0]
    assert second[1].startswith("Nothing differs")
    assert ways.owners() == {"apply"}
    assert ways.down()
    ways.place.kubectl.run("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s", timeout_s=130)
    assert ways.up()[0].startswith("Deploying by `pulumi up`")
    assert ways.owners() == {"engine"}


def test_what_an_engine_with_another_state_made_is_left_alone(ways: Ways, tmp_path: Path) -> None:
    ways.up()
    mine = ways.place
    elsewhere = Workplace(root=tmp_path / "elsewhere", ends_with_cluster=False)
    ways.place = Place(kubectl=mine.kubectl, workplace=elsewhere, images=mine.images)
    with pytest.raises(ClusterError, match=r"whose state is not in .*: nothing was changed"):
        ways.up()
    ways.place = mine
    assert ways.up()[1].startswith("Nothing differs")


def test_an_interrupted_run_writes_down_what_it_made_and_the_next_completes_it(ways: Ways) -> None:
    def interrupt() -> None:
        assert ways.notes.doing.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ways.up()
    thread.join()
    assert not pending(ways.place.workplace, "local")
    assert ways.up()[0].startswith("Deploying by `pulumi up`")
    assert ways.up()[1].startswith("Nothing differs")


def test_a_killed_run_is_picked_up_by_the_next(ways: Ways) -> None:
    def kill() -> None:
        wanted = ("get", "deployment", "small-floor", f"--namespace={NAMESPACE}", "--output=name")
        deadline = time.monotonic() + 90
        while ways.place.kubectl.attempt(*wanted).returncode != 0 and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in engines_in(ways.place.workplace):
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(ClusterError):
        ways.up()
    thread.join()
    assert holds_objects(ways.place.workplace, "local")
    again = ways.up()
    assert again[0].startswith("Deploying by `pulumi up`")
    assert ways.up()[1].startswith("Nothing differs")


def engines_in(workplace: Workplace) -> list[int]:
    """The engine's processes that work for `workplace`, plugins included: each has the backend in its environment."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes() if entry.name.isdecimal() else b""
        except OSError:
            continue
        if workplace.state.as_uri().encode() in environment:
            found.append(int(entry.name))
    return found
