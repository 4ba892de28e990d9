"""`tritonup up` and `down`: a stack on a real Kubernetes of this machine; `tritonup cluster`: that cluster alone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.console import Exit, err, out
from cli.deploying import Place, deploy, remove
from cli.progress import ConsoleProgress, refusals
from cli.project import deployable, project_root
from local.client import Wire
from local.cluster.answers import Endpoint, ask_server, endpoint_of
from local.cluster.binaries import KUBECTL, build
from local.cluster.boot import Cluster
from local.cluster.boot import down as cluster_down
from local.cluster.boot import up as cluster_up
from local.cluster.containers import import_everywhere
from local.cluster.definitions import POD_MONITOR, establish
from local.cluster.errors import ClusterError
from local.cluster.kubectl import Kubectl, Object
from local.cluster.layout import LAYOUT, PROJECT
from local.cluster.metrics import start_metrics
from local.cluster.models import forget_models, place_models
from local.cluster.readiness import PodState, wait_until_ready
from local.cluster.requirements import require_machine
from local.cluster.stack_images import images_of
from local.engine.ownership import own_workplace, their_workplace
from planning.plan import Plan
from planning.server import PlannedServer
from planning.settings.controllers import Presence
from planning.settings.monitoring import PrometheusOperator
from planning.settings.root import Settings

KUBECONFIG_VARIABLE = "TRITONUP_KUBECONFIG"

app = typer.Typer(no_args_is_help=True, help="A real Kubernetes on this Linux machine, for hand work and tests.")

StackOption = Annotated[str, typer.Option("--stack", "-s", help="The stack.")]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(envvar=KUBECONFIG_VARIABLE, help="A cluster that you have, instead of one made here."),
]


@app.command()
def start(
    metrics: Annotated[
        bool, typer.Option("--metrics", help="With metrics-server, Prometheus and prometheus-adapter.")
    ] = False,
) -> None:
    """Boot the cluster, or find it up, and print where its kubeconfig is."""
    progress = ConsoleProgress()
    with refusals():
        started = time.monotonic()
        cluster = cluster_up(progress)
        if metrics:
            start_metrics(cluster, progress)
        err.print(f"The cluster is up ({time.monotonic() - started:.1f} s). `make cluster-down` ends it.", markup=False)
        out.print(_exports(cluster.kubectl), markup=False)


@app.command()
def stop() -> None:
    """End the cluster and remove everything that it made."""
    with refusals():
        there = cluster_down()
    err.print("The cluster is gone, and all that it made." if there else "There is no cluster.", markup=False)


def up(stack: StackOption = "local", kubeconfig: KubeconfigOption = None) -> None:
    """Deploy a stack on a real Kubernetes here, wait until it is Ready, ask every model, print the answers.

    By `pulumi up` where it and its Kubernetes provider are installed, otherwise by server-side apply."""
    # Here, because the SDK that renders takes seconds to import, and most commands do not render.
    from stacks.render import rendered

    project = project_root()
    planned = deployable(project, stack)
    plan = planned.plan
    objects: list[Object] = [manifest.body for manifest in rendered(plan, stack)]
    progress = ConsoleProgress()
    with refusals():
        place = _own(plan, objects, progress) if kubeconfig is None else _theirs(kubeconfig, plan, progress)
        deploy(project, planned, objects, place, progress)
        with progress.step("waiting until every pod is Ready"):
            pods = wait_until_ready(place.kubectl, plan.namespace, lambda states: _waiting(states, progress))
        progress.note(f"{pods} pods are Ready.")
        if kubeconfig is None:
            forget_models(LAYOUT, but=plan.servers)
        right = [_ask(server, plan, place.kubectl) for server in plan.servers]
        err.print(_next(place.kubectl, plan), markup=False)
    raise typer.Exit(Exit.CLEAN if all(right) else Exit.FINDINGS)


def down(stack: StackOption = "local", kubeconfig: KubeconfigOption = None) -> None:
    """Remove what `up` deployed: with a cluster of ours, the cluster too."""
    if kubeconfig is None:
        stop()
        return
    progress = ConsoleProgress()
    with refusals():
        kubectl = _kubectl(kubeconfig, progress)
        place = Place(kubectl=kubectl, workplace=their_workplace(kubectl, LAYOUT), images=())
        with progress.step(f"removing stack {stack!r}"):
            there = remove(PROJECT, stack, place, progress)
    if not there:
        progress.note(f"Stack {stack!r} is not there.")


def _own(plan: Plan, objects: Sequence[Object], progress: ConsoleProgress) -> Place:
    require_machine(LAYOUT)
    # Before the nodes, which begin with what is packed.
    images = images_of(plan, LAYOUT, progress)
    cluster: Cluster = cluster_up(progress)
    workers = [running.node.name for running in cluster.nodes() if not running.node.control]
    with progress.step(f"bringing the images and the models to {len(workers)} nodes"):
        import_everywhere(images, workers, cluster.parts)
        place_models(plan.servers, cluster.layout)
    _bring_metrics(cluster, plan.settings, objects, progress)
    return Place(kubectl=cluster.kubectl, workplace=own_workplace(cluster.layout), images=images)


def _bring_metrics(cluster: Cluster, settings: Settings, objects: Sequence[Object], progress: ConsoleProgress) -> None:
    """What the stack says is present: a cluster of ours has it only where a stack needs it."""
    monitoring = settings.monitoring
    if isinstance(monitoring, PrometheusOperator):
        establish(POD_MONITOR, cluster.kubectl, cluster.layout, progress)
        monitors = [body for body in objects if body["kind"] == "PodMonitor"]
        start_metrics(cluster, progress, monitors=monitors, namespace=monitoring.namespace)
    elif settings.controllers.metrics_server is Presence.PRESENT:
        start_metrics(cluster, progress)


def _theirs(kubeconfig: Path, plan: Plan, progress: ConsoleProgress) -> Place:
    if not kubeconfig.is_file():
        raise ClusterError(f"{KUBECONFIG_VARIABLE}: there is no file {kubeconfig}.")
    for image in images_of(plan, LAYOUT, progress):
        progress.note(
            f"Your nodes need the image {image.name}, which no registry has: {image.archive} is its archive (kind:"
            " `kind load image-archive`)."
        )
    progress.note("And the models where the stack's model_repository.destination says.")
    kubectl = _kubectl(kubeconfig, progress)
    return Place(kubectl=kubectl, workplace=their_workplace(kubectl, LAYOUT), images=())


def _kubectl(kubeconfig: Path, progress: ConsoleProgress) -> Kubectl:
    program = build([KUBECTL], LAYOUT, progress)[KUBECTL.name]
    return Kubectl(program=program, kubeconfig=kubeconfig.absolute())


def _waiting(states: Sequence[PodState], progress: ConsoleProgress) -> None:
    left = [state for state in states if state.waits_for]
    progress.detail("; ".join(f"{state.name}: {state.waits_for}" for state in left) or "waiting for the rollout")


def _ask(server: PlannedServer, plan: Plan, kubectl: Kubectl) -> bool:
    """Whether every model of `server` answered what its sample expects."""
    with endpoint_of(server, plan.namespace, kubectl) as endpoint:
        err.print(f"Asking every model of {server.name} through {endpoint.through}:", markup=False)
        right = True
        for answer in ask_server(server, endpoint, Wire.HTTP):
            fault = f"  WRONG: {answer.fault}" if answer.fault else ""
            out.print(f"{answer.model}: {answer.asked} → {answer.answered} ({answer.milliseconds:.0f} ms){fault}")
            right = right and answer.fault is None
    return right


def _next(kubectl: Kubectl, plan: Plan) -> str:
    lines = [
        "",
        "What to try next:",
        f"  {_exports(kubectl)}",
        f"  kubectl get pods --namespace {plan.namespace} -o wide",
    ]
    for server in plan.servers:
        with endpoint_of(server, plan.namespace, kubectl) as endpoint:
            if endpoint.host != "127.0.0.1":
                lines.append(f"  curl {_url(endpoint)}/v2/models/{server.served.models[0].name}")
    return "\n".join(
        [*lines, "  edit Pulumi.local.yaml and run `make up` again: only what differs changes", "  make down"]
    )


def _url(endpoint: Endpoint) -> str:
    return f"http://{endpoint.host}:{endpoint.ports.http}"


def _exports(kubectl: Kubectl) -> str:
    # A proxy of the user's is no way to a network of this machine.
    proxied = any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy"))
    unproxied = " NO_PROXY=10.213.0.0/16,10.215.0.0/16" if proxied else ""
    return f"export KUBECONFIG={kubectl.kubeconfig}{unproxied}"
