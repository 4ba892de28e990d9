"""The agent that reads the kernel's log of each GPU node (`gpu_health/agent.py`), where the cloud has nothing like it.

Of the node it has one capability, CAP_SYSLOG, for which it must be root, in a namespace of its own: Pod Security
allows that capability under `privileged` alone. No privilege, no path or device of the node, nothing to write to. In
the API it reads nodes and writes the status of its own one, in which it may change its condition alone: RBAC knows no
single node, so that a policy keeps it from the others, by the node that the API server wrote into its token
(Kubernetes, "ServiceAccountTokenPodNodeInfo", on since 1.30, the oldest that the settings allow).
"""

from __future__ import annotations

from collections.abc import Mapping

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchConditionArgs,
    MatchResourcesArgs,
    NamedRuleWithOperationsArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
)
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ContainerArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    ObjectFieldSelectorArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    TolerationArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.gpu.own_program import account, own_namespace
from components.images import pull_secrets
from components.labels import NAME, common
from components.placement import on_nodes_with
from planning.gpu_health import OURS, PlannedHealth

NAMESPACE = "tritonup-gpu-health-agent"
"""Every object of it that has no namespace is called the same."""

CALLED = "gpu-health-agent"

AMOUNTS = {"cpu": "10m", "memory": "64Mi"}
"""Measured: 23 MiB resident with a log of 128 KiB read (VmHWM, CPython 3.11); a log has some MiB at the most. Inside
what each GPU node keeps free for agents (planning/pool_machines.py)."""

NODE_OF_TOKEN = "authentication.kubernetes.io/node-name"  # noqa: S105 - a claim's name


def health_agent(
    name: str,
    *,
    planned: PlannedHealth,
    pull_secret: str | None,
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> DaemonSet:
    """On every node of the pools of `planned`. `labels` are the user's own."""
    own = {**common(labels), NAME: CALLED}
    inside = own_namespace(
        name, namespace=NAMESPACE, called=CALLED, pod_security="privileged", labels=labels, opts=opts
    )
    who = account(
        f"{name}-account",
        called=CALLED,
        cluster_wide=NAMESPACE,
        namespace=inside,
        rules=[
            PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["get"]),
            PolicyRuleArgs(api_groups=[""], resources=["nodes/status"], verbs=["patch"]),
        ],
        labels=own,
        opts=opts,
    )
    _own_node_only(f"{name}-own-node", own, opts)
    return DaemonSet(
        name,
        metadata=ObjectMetaArgs(name=CALLED, namespace=inside, labels=own),
        spec=DaemonSetSpecArgs(
            selector=LabelSelectorArgs(match_labels={NAME: CALLED}),
            template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=own), spec=_pod(planned, who, pull_secret)),
        ),
        opts=opts,
    )


def _pod(planned: PlannedHealth, who: Input[str], pull_secret: str | None) -> PodSpecArgs:
    tolerated = {(taint.key, taint.effect) for pool in planned.pools for taint in pool.taints}
    return PodSpecArgs(
        service_account_name=who,
        automount_service_account_token=True,
        enable_service_links=False,
        priority_class_name="system-node-critical",
        termination_grace_period_seconds=5,
        image_pull_secrets=pull_secrets(pull_secret),
        affinity=on_nodes_with([pool.labels for pool in planned.pools]),
        tolerations=[
            TolerationArgs(key=key, operator="Exists", effect=effect)
            for key, effect in sorted({*tolerated, (planned.taint, "NoSchedule")})
        ],
        containers=[
            ContainerArgs(
                name="agent",
                image=planned.image.value.by_digest,
                image_pull_policy="IfNotPresent",
                args=["gpu-health", "agent"],
                env=[
                    EnvVarArgs(
                        name="NODE_NAME",
                        value_from=EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="spec.nodeName")),
                    )
                ],
                resources=ResourceRequirementsArgs(requests=dict(AMOUNTS), limits={"memory": AMOUNTS["memory"]}),
                security_context=SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    # A capability that is added reaches root's processes alone.
                    run_as_user=0,
                    capabilities=CapabilitiesArgs(drop=["ALL"], add=["SYSLOG"]),
                    seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
                ),
            )
        ],
    )


def _own_node_only(name: str, labels: Mapping[str, str], opts: ResourceOptions) -> ValidatingAdmissionPolicyBinding:
    metadata = ObjectMetaArgs(name=NAMESPACE, labels=labels)
    policy = ValidatingAdmissionPolicy(
        name,
        metadata=metadata,
        spec=ValidatingAdmissionPolicySpecArgs(
            failure_policy="Fail",
            # The API's defaults, written out: this part is one value, and a second apply would find it changed.
            match_constraints=MatchResourcesArgs(
                match_policy="Equivalent",
                namespace_selector=LabelSelectorArgs(),
                object_selector=LabelSelectorArgs(),
                resource_rules=[
                    NamedRuleWithOperationsArgs(
                        api_groups=[""],
                        api_versions=["v1"],
                        operations=["UPDATE"],
                        resources=["nodes/status"],
                        scope="*",
                    )
                ],
            ),
            match_conditions=[
                MatchConditionArgs(
                    name="the-agent",
                    expression=f"request.userInfo.username == 'system:serviceaccount:{NAMESPACE}:{CALLED}'",
                )
            ],
            validations=[
                ValidationArgs(
                    expression=f"request.userInfo.extra[?'{NODE_OF_TOKEN}'][0].orValue('') == object.metadata.name",
                    message="The agent may speak of the node that it runs on alone.",
                    reason="Forbidden",
                ),
                ValidationArgs(
                    expression=" && ".join(
                        [
                            f"{_other_conditions('object')} == {_other_conditions('oldObject')}",
                            *(
                                f"object.{field} == oldObject.{field}"
                                # Through the status a node's labels can be changed as well.
                                for field in (
                                    "status.?capacity",
                                    "status.?allocatable",
                                    "status.?addresses",
                                    "metadata.?labels",
                                    "metadata.?annotations",
                                )
                            ),
                        ]
                    ),
                    message=f"The agent may change the condition {OURS.condition} alone.",
                    reason="Forbidden",
                ),
            ],
        ),
        opts=opts,
    )
    return ValidatingAdmissionPolicyBinding(
        f"{name}-binding",
        metadata=metadata,
        spec=ValidatingAdmissionPolicyBindingSpecArgs(
            policy_name=policy.metadata.apply(lambda metadata: metadata.name or NAMESPACE),
            validation_actions=["Deny"],
        ),
        opts=opts,
    )


def _other_conditions(of: str) -> str:
    return f"{of}.status.?conditions.orValue([]).filter(c, c.type != '{OURS.condition}')"
