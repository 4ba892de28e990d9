"""What a stack consists of, top to bottom. It reads like the architecture's picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Output, Resource, ResourceOptions

from components.clusters.eks.node_pools import KarpenterNodes, KarpenterNodesArgs
from components.clusters.gke.compute_class import compute_class
from components.controllers.karpenter import Karpenter, KarpenterArgs
from components.controllers.prometheus_operator import PrometheusOperator, PrometheusOperatorArgs
from components.gpu.device_plugins import DevicePlugins, DevicePluginsArgs
from components.gpu.health import GpuHealth, GpuHealthArgs
from components.gpu.readiness import GpuReadiness, GpuReadinessArgs
from components.labels import common
from components.models.fetching import SIGNING, signing_config
from components.models.model_versions import definition, model_version
from components.models.volumes import node_path_volume
from components.security.namespace import ServingNamespace, ServingNamespaceArgs
from components.serving.headroom import Headroom, HeadroomArgs
from components.serving.server import Server, ServerArgs
from planning.plan import Plan
from planning.settings.controllers import Presence
from planning.storage import FetchedSource, FilledSource, NodePathSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """`servers` by name; `namespace` is known when it exists."""

    namespace: Output[str]
    servers: dict[str, Server]


def compose(plan: Plan, opts: ResourceOptions) -> Composition:
    """Make everything that `plan` says, in the cluster of the provider in `opts`. The plan has no errors."""
    serving = ServingNamespace(
        "serving",
        ServingNamespaceArgs(
            namespace=plan.namespace,
            pod_security=plan.pod_security,
            pod_rules=[rule.value for rule in plan.pod_rules],
            quota=plan.quota,
            people=plan.people,
            priority_class=plan.priority_class,
            labels=plan.labels,
        ),
        opts,
    )
    handshakes: Mapping[str, Resource] = {}
    if plan.drivers:
        # Jobs are of a group of the SDK that stacks without canaries need not import.
        from components.gpu.driver_canary import DriverCanaries, DriverCanariesArgs

        handshakes = DriverCanaries(
            "drivers",
            DriverCanariesArgs(
                canaries=plan.drivers,
                namespace=serving.namespace,
                pull_secret=plan.settings.images.pull_secret,
                labels=plan.labels,
            ),
            opts,
        ).handshakes
    if (there := plan.karpenter) is not None:
        installed = (
            [Karpenter("karpenter", KarpenterArgs(planned=there.installed, labels=plan.labels), opts)]
            if there.installed is not None
            else []
        )
        KarpenterNodes(
            "nodes",
            KarpenterNodesArgs(
                karpenter=there.nodes,
                cluster=there.cluster,
                handshakes=handshakes,
                after=installed,
                labels=plan.labels,
            ),
            opts,
        )
    operator = (
        PrometheusOperator(
            "prometheus-operator",
            PrometheusOperatorArgs(planned=plan.prometheus, watched=serving.namespace, labels=plan.labels),
            opts,
        )
        if plan.prometheus is not None
        else None
    )
    if plan.adapter is not None:
        # Its API is of a group of the SDK that stacks without an adapter of their own need not import.
        from components.controllers.prometheus_adapter import PrometheusAdapter, PrometheusAdapterArgs

        PrometheusAdapter(
            "prometheus-adapter",
            PrometheusAdapterArgs(
                planned=plan.adapter,
                namespace=operator.namespace if operator is not None else plan.adapter.namespace,
                watched=serving.namespace,
                labels=plan.labels,
            ),
            opts,
        )
    if plan.compute_class is not None:
        compute_class("compute-class", plan.compute_class, labels=plan.labels, opts=opts)
    if plan.device_plugins:
        DevicePlugins("gpu", DevicePluginsArgs(plugins=plan.device_plugins, labels=plan.labels), opts)
    if plan.gpu_readiness is not None:
        GpuReadiness(
            "gpu-readiness",
            GpuReadinessArgs(
                planned=plan.gpu_readiness, pull_secret=plan.settings.images.pull_secret, labels=plan.labels
            ),
            opts,
        )
    if plan.gpu_health is not None:
        GpuHealth(
            "gpu-health",
            GpuHealthArgs(planned=plan.gpu_health, pull_secret=plan.settings.images.pull_secret, labels=plan.labels),
            opts,
        )
    volumes = {
        server.storage.source.volume: server.storage.source
        for server in plan.servers
        if isinstance(server.storage.source, NodePathSource)
    }
    for source in volumes.values():
        node_path_volume(
            "models",
            source,
            namespace=serving.namespace,
            labels=common(plan.labels),
            opts=ResourceOptions.merge(opts, ResourceOptions(parent=serving)),
        )
    keys = plan.settings.model_repository.signing
    verified = any(isinstance(server.storage.source, FetchedSource | FilledSource) for server in plan.servers)
    signing = (
        signing_config(
            "model-signing",
            keys,
            namespace=serving.namespace,
            labels=common(plan.labels),
            opts=ResourceOptions.merge(opts, ResourceOptions(parent=serving)),
        )
        if (verified or plan.builder) and keys
        else None
    )
    if plan.builder is not None and signing is not None:
        # Jobs are of a group of the SDK that stacks without engines need not import.
        from components.models.engine_builder import EngineBuilder, EngineBuilderArgs

        EngineBuilder(
            "engines",
            EngineBuilderArgs(
                builder=plan.builder,
                namespace=serving.namespace,
                signing=signing.metadata.apply(lambda metadata: metadata.name or SIGNING),
                pull_secret=plan.settings.images.pull_secret,
                labels=plan.labels,
            ),
            opts,
        )
    versions = plan.settings.model_repository.versions
    if versions is not Presence.NONE:
        kind = definition("model-versions", labels=plan.labels, opts=opts) if versions is Presence.INSTALL else None
        of_kind = ResourceOptions(parent=serving, depends_on=[kind] if kind is not None else None)
        for server in plan.servers:
            for version in server.model_versions:
                model_version(
                    version,
                    namespace=serving.namespace,
                    labels=plan.labels,
                    opts=ResourceOptions.merge(opts, of_kind),
                )
    filled: Mapping[str, Resource] = {}
    if plan.filler is not None and signing is not None:
        from components.models.filling import ModelFiller, ModelFillerArgs

        filled = ModelFiller(
            "filler",
            ModelFillerArgs(
                filler=plan.filler,
                namespace=serving.namespace,
                signing=signing.metadata.apply(lambda metadata: metadata.name or SIGNING),
                pull_secret=plan.settings.images.pull_secret,
                labels=plan.labels,
            ),
            opts,
        ).filled
    servers = {
        server.name: Server(
            server.name,
            ServerArgs(
                server=server,
                namespace=serving.namespace,
                signing=signing.metadata.apply(lambda metadata: metadata.name or SIGNING) if signing else None,
                priority_class=serving.priority_class,
                pull_secret=plan.settings.images.pull_secret,
                monitoring=plan.settings.monitoring,
                operator=operator,
                platform=plan.platform,
                filled=filled.get(server.name),
                labels=plan.labels,
            ),
            opts,
        )
        for server in plan.servers
    }
    if any(server.headroom is not None for server in plan.servers):
        Headroom(
            "headroom",
            HeadroomArgs(
                servers=plan.servers,
                namespace=serving.namespace,
                priority_class=plan.headroom_class,
                pull_secret=plan.settings.images.pull_secret,
                labels=plan.labels,
            ),
            opts,
        )
    return Composition(namespace=serving.namespace, servers=servers)
