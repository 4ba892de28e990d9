"""`pulumi up` on a cluster with pods: two servers come, stay as they are, change one at a time, and go.

The engine is the one that `make up` runs (`local.engine`), so its state, its secrets and its home are of the test.
"""

from __future__ import annotations

import copy
import json
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from cluster_stacks import RenderedStack, stack
from cluster_target import Printed, Target, brought
from engine_stacks import small_server

from local.client import Wire
from local.cluster.answers import ask_server, endpoint_of
from local.cluster.kubectl import Kubectl
from local.cluster.layout import LAYOUT, PROJECT
from local.cluster.models import forget_models
from local.cluster.stack_images import stack_images
from local.engine.deploying import Deployed, Engine
from local.engine.installed import Installed, Missing, find_engine
from local.engine.state import holds_objects
from local.engine.workplace import Workplace
from planning.model_versions import DEFINITION

pytestmark = pytest.mark.engine

STACK = "local"

RESTLESS = ("events", "events.events.k8s.io", "leases.coordination.k8s.io")
"""What a cluster makes and forgets by itself."""

GONE_WITHIN_S = 120.0
"""A pod's grace period (drain of 10 s and what planning adds) and the namespace's own end."""


SETTLES_WITHIN_S = 60.0
SETTLED_AFTER_S = 5.0
"""Controllers make their accounts one after another in the first seconds."""


@dataclass(slots=True, kw_only=True)
class TwoServers:
    """The stack as it is written now, and the engine that deploys it."""

    engine: Engine
    target: Target
    progress: Printed
    written: dict[str, Any] = field(default_factory=dict[str, Any])

    def up(self) -> Deployed:
        """Deploy what is written, with the image and the models where its pods look for them."""
        planned = self.planned()
        brought(planned, self.target, self.progress)
        images = stack_images(LAYOUT, self.progress) if self.target.own else ()
        return self.engine.up(PROJECT, STACK, self.written, {image.name: image.digest for image in images})

    def planned(self) -> RenderedStack:
        def as_written(settings: dict[str, Any]) -> None:
            settings.clear()
            settings.update(copy.deepcopy(self.written))

        return stack(STACK, as_written)

    def pods(self) -> Mapping[str, set[str]]:
        """The identities of each server's pods that are not leaving."""
        found: dict[str, set[str]] = {"left": set(), "right": set()}
        for pod in self.target.kubectl.items("pods", f"--namespace={self.written['namespace']}"):
            if not pod["metadata"].get("deletionTimestamp"):
                found[pod["metadata"]["labels"]["app.kubernetes.io/instance"]].add(pod["metadata"]["uid"])
        return found


@pytest.fixture(scope="module")
def installed() -> Installed:
    match find_engine(PROJECT):
        case Installed() as found:
            return found
        case Missing(why=why):
            pytest.skip(f"`pulumi up` cannot be run here: {why}")


@pytest.fixture(scope="module")
def before(installed: Installed, target: Target) -> set[str]:
    """Every object of the cluster before this module deploys anything. One that has just been booted makes some for
    itself."""
    found = everything(target.kubectl)
    deadline = time.monotonic() + SETTLES_WITHIN_S
    while time.monotonic() < deadline:
        time.sleep(SETTLED_AFTER_S)
        if (again := everything(target.kubectl)) == found:
            break
        found = again
    return found


@pytest.fixture(scope="module")
def deployed(
    installed: Installed, before: set[str], target: Target, progress: Printed, tmp_path_factory: pytest.TempPathFactory
) -> Generator[TwoServers]:
    """Both servers on the cluster. What is left of them goes with the module."""
    kubeconfig = target.kubectl.run("config", "view", "--raw", "--minify", "--flatten")
    workplace = Workplace(root=tmp_path_factory.mktemp("engine") / "workplace", ends_with_cluster=False)
    servers = TwoServers(
        engine=Engine(installed=installed, workplace=workplace, kubeconfig=kubeconfig, told=print),
        target=target,
        progress=progress,
    )
    written = yaml.safe_load((PROJECT / f"Pulumi.{STACK}.yaml").read_text(encoding="utf-8"))
    servers.written = written["config"]["tritonup:settings"]
    small_server(servers.written, "tritonup-engine-test", "left", "right")
    try:
        first = servers.up()
        assert (first.kept, first.removed) == ((), ())
        assert first.objects == len(servers.planned().objects)
        yield servers
    finally:
        if holds_objects(workplace, STACK):
            servers.engine.destroy(STACK)
        target.kubectl.run("delete", "crd", DEFINITION, "--ignore-not-found")
        forget_models(LAYOUT)


def test_after_up_every_pod_is_ready_and_every_model_answers_right(deployed: TwoServers) -> None:
    plan, kubectl = deployed.planned().plan, deployed.target.kubectl
    pods = kubectl.items("pods", f"--namespace={plan.namespace}")
    assert len(pods) == 2
    for pod in pods:
        assert {one["type"]: one["status"] for one in pod["status"]["conditions"]}["Ready"] == "True"
    for server in plan.servers:
        with endpoint_of(server, plan.namespace, kubectl) as endpoint:
            answers = list(ask_server(server, endpoint, Wire.HTTP))
        assert [(answer.model, answer.fault) for answer in answers] == [("digits", None)]


def test_a_second_up_changes_nothing(deployed: TwoServers) -> None:
    pods = deployed.pods()
    again = deployed.up()
    assert (again.changed, again.removed) == ((), ())
    assert len(again.kept) == len(deployed.planned().objects)
    assert deployed.pods() == pods


def test_an_edit_of_one_server_touches_nothing_of_the_other(deployed: TwoServers) -> None:
    pods = deployed.pods()
    deployed.written["servers"]["right"]["resources"]["memory"] = "1280Mi"
    edited = deployed.up()
    assert (edited.changed, edited.removed) == (("deployment/right-floor",), ())
    after = deployed.pods()
    assert after["left"] == pods["left"]
    assert after["right"].isdisjoint(pods["right"])


QUOTA = "resourcequota/serving"
"""What all servers together may ask for at the most (planning/quota.py)."""


def test_a_server_that_is_no_longer_written_goes_and_the_other_stays(deployed: TwoServers) -> None:
    pods = deployed.pods()
    taken = deployed.written["servers"].pop("right")
    fewer = deployed.up()
    assert fewer.changed == (QUOTA,)
    assert {name.partition("/")[2].partition("-")[0] for name in fewer.removed} == {"right"}
    deployed.written["servers"]["right"] = taken
    again = deployed.up()
    assert sorted(again.changed) == sorted([QUOTA, *fewer.removed])
    assert deployed.pods()["left"] == pods["left"]


def test_a_refresh_finds_no_drift(deployed: TwoServers) -> None:
    """HPAs, controllers and the API server's own defaults have had their say by now."""
    steps = asked_to_refresh(deployed.engine)
    assert len(steps) >= len(deployed.planned().objects)
    assert {urn: op for urn, op in steps.items() if op not in ("same", "refresh")} == {}


def test_what_somebody_deleted_by_hand_is_back_after_the_next_up(deployed: TwoServers) -> None:
    namespace = deployed.written["namespace"]
    deployed.target.kubectl.run("delete", "poddisruptionbudget", "left", f"--namespace={namespace}")
    again = deployed.up()
    assert (again.changed, again.removed) == (("poddisruptionbudget/left",), ())


KIND_OF_VERSIONS = {f"CustomResourceDefinition//{DEFINITION}", "APIService//v1alpha1.tritonup.internal"}
"""With it, whatever versions other stacks have would go."""


def test_destroy_leaves_the_kind_of_versions_and_nothing_else(deployed: TwoServers, before: set[str]) -> None:
    assert everything(deployed.target.kubectl) > before
    deployed.engine.destroy(STACK)
    assert not deployed.engine.workplace.root.exists()
    deadline = time.monotonic() + GONE_WITHIN_S
    while (left := everything(deployed.target.kubectl) - before) != KIND_OF_VERSIONS and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == KIND_OF_VERSIONS


def test_up_after_destroy_finds_the_kind_of_versions_there(deployed: TwoServers) -> None:
    again = deployed.up()
    assert (again.kept, again.removed) == ((), ())
    assert len(again.changed) == len(deployed.planned().objects)


def everything(kubectl: Kubectl) -> set[str]:
    """Each object of each kind that the cluster can list, in whatever namespace."""
    kinds = kubectl.run("api-resources", "--verbs=list", "--output=name").split()
    listed = ",".join(kind for kind in kinds if kind not in RESTLESS)
    form = "--output=jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{'\\n'}{end}"
    return set(kubectl.run("get", listed, "--all-namespaces", form).splitlines())


def asked_to_refresh(engine: Engine) -> Mapping[str, str]:
    """What `pulumi refresh` would do to each resource of the state. It fails if anything would change."""
    command = ("refresh", "--preview-only", "--expect-no-changes", "--json", "--stack", STACK)
    return {step["urn"]: step["op"] for step in json.loads(raw(engine, command))["steps"]}


def raw(engine: Engine, arguments: Sequence[str]) -> str:
    """Another command of the engine than `make up` uses, in the same place."""
    with engine.workplace.holding(engine.kubeconfig):
        told = subprocess.run(
            [str(engine.installed.pulumi), *arguments, "--non-interactive", f"--cwd={engine.workplace.project}"],
            env=engine.workplace.environment(engine.inherited),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout
