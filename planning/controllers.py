"""Controllers that the plan leans on. An object whose controller is not there is stored and never acted on, which
is worse than an error."""

from __future__ import annotations

from collections.abc import Sequence

from planning.findings import Finding, Rule, Severity, setting
from planning.settings.cluster import Eks, Local, described
from planning.settings.controllers import Controllers, Presence
from planning.settings.root import Settings

NO_CONTROLLER = Rule("TU901", Severity.ERROR, "Every object has the controller that acts on it")
NOT_INSTALLED_BY_US = Rule("TU902", Severity.ERROR, "A controller that this release cannot install is there already")

INSTALLED_BY_US = {"karpenter", "nvidia_device_plugin", "prometheus_adapter", "prometheus_operator"}
NOT_LOCALLY = ("prometheus_adapter", "prometheus_operator")
"""Of them those that a cluster on this machine runs for itself, without images to pull."""


def check_controllers(settings: Settings, *, scaled: Sequence[str], on_gpus: Sequence[str]) -> tuple[Finding, ...]:
    """What `settings` needs beside Kubernetes. `scaled` and `on_gpus`: the names of such servers."""
    findings: list[Finding] = []
    controllers = settings.controllers
    if settings.monitoring.kind == "prometheus-operator" and controllers.prometheus_operator is Presence.NONE:
        findings.append(_missing("prometheus_operator", "the PodMonitors that monitoring.kind asks for"))
    if scaled and controllers.prometheus_adapter is Presence.NONE:
        who = ", ".join(scaled)
        findings.append(_missing("prometheus_adapter", f"scaling on waiting requests of {who}"))
    if scaled and settings.monitoring.kind == "none":
        findings.append(
            Finding(
                rule=NO_CONTROLLER,
                at=setting("monitoring.kind"),
                what=f"'none' leaves scaling on waiting requests of {', '.join(scaled)} without a metric: nobody"
                " collects it, and nobody may.",
                fix="Write `prometheus-operator`, or write a ceiling that equals the floor.",
            )
        )
    if on_gpus and controllers.nvidia_device_plugin is Presence.NONE:
        findings.append(_missing("nvidia_device_plugin", f"the GPUs of {', '.join(on_gpus)}"))
    findings += [
        Finding(
            rule=NOT_INSTALLED_BY_US,
            at=setting(f"controllers.{name}"),
            what="'install' is not built in this release.",
            fix="Install it yourself and write `present`.",
        )
        for name in Controllers.model_fields
        if getattr(controllers, name) is Presence.INSTALL and name not in INSTALLED_BY_US
    ]
    if isinstance(settings.cluster, Local):
        findings += [
            Finding(
                rule=NOT_INSTALLED_BY_US,
                at=setting(f"controllers.{name}"),
                what="'install' pulls images, and a cluster on this machine has what it needs already.",
                fix="Write `present`.",
            )
            for name in NOT_LOCALLY
            if getattr(controllers, name) is Presence.INSTALL
        ]
    if controllers.karpenter is Presence.INSTALL and not isinstance(described(settings.cluster), Eks):
        findings.append(
            Finding(
                rule=NOT_INSTALLED_BY_US,
                at=setting("controllers.karpenter"),
                what="'install' needs the role and the queue that are made with a cluster of kind `eks`, and this one"
                f" is `{described(settings.cluster).kind}`.",
                fix="Write `none`, or `present` where you run a Karpenter of your own.",
            )
        )
    return tuple(findings)


def _missing(controller: str, needed_for: str) -> Finding:
    return Finding(
        rule=NO_CONTROLLER,
        at=setting(f"controllers.{controller}"),
        what=f"'none' leaves {needed_for} without a controller: the object would be stored and never acted on.",
        fix="Write `present` where somebody runs it in the cluster, or take away what needs it.",
    )
