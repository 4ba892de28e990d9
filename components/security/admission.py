"""The rules on pods that the plan has and Pod Security lacks, kept by the API server itself, without a webhook.

A ValidatingAdmissionPolicy and its binding (admissionregistration.k8s.io/v1, built in since Kubernetes 1.30, the oldest
that the settings allow). They judge pods, and the templates of what makes pods: a Deployment that is refused when it is
applied says why to whoever applied it, while a ReplicaSet that cannot make its pods says it in an event.

Only containers and volumes that are new or changed are judged. What is older than the policy can therefore be scaled,
labelled and ended: a Deployment's controller must be able to shrink the ReplicaSet that a rollout replaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pulumi import Input, ResourceOptions
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchResourcesArgs,
    NamedRuleWithOperationsArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
    VariableArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from planning.admission import PodRule
from planning.network import NAMESPACE_LABEL

JUDGED = (
    ("", ["pods", "pods/ephemeralcontainers", "replicationcontrollers"]),
    ("apps", ["deployments", "replicasets", "statefulsets", "daemonsets"]),
    ("batch", ["jobs", "cronjobs"]),
)
"""By API group, everything built in that runs containers. `pods/ephemeralcontainers` is what `kubectl debug` writes
to; scale and status are subresources of their own and not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    """CEL. `broken` holds of a container `c`, or of a volume `v`, that breaks the rule; `wrong` says what is wrong with
    it."""

    variable: str
    of: Literal["containers", "volumes"] = "containers"
    broken: str
    wrong: str
    rule: str
    fix: str

    @property
    def judged(self) -> str:
        return "judged" if self.of == "containers" else "judgedVolumes"

    @property
    def one(self) -> str:
        return "c" if self.of == "containers" else "v"


_DIGEST = "matches('@sha256:[0-9a-f]{64}$')"
_BY_DIGEST = "every image is named by digest, because a tag can name other bytes tomorrow"
_SECRETS_UNREAD = "no pod reads a Secret, because who may change a pod would read it too"

_JUDGEMENTS = {
    PodRule.READ_ONLY_ROOT: (
        _Judgement(
            variable="writable",
            broken="c.?securityContext.?readOnlyRootFilesystem.orValue(false) != true",
            wrong="'container ' + c.name + ' can write to its root file system'",
            rule="every root file system is read-only",
            fix="Set securityContext.readOnlyRootFilesystem to true and mount a volume where the container writes"
            " (kubectl debug takes it from a file, by --custom).",
        ),
    ),
    PodRule.NO_SECRET: (
        _Judgement(
            variable="fromSecrets",
            broken="c.?env.orValue([]).exists(e, e.?valueFrom.?secretKeyRef.hasValue())"
            " || c.?envFrom.orValue([]).exists(e, e.?secretRef.hasValue())",
            wrong="'container ' + c.name + ' takes a Secret into its environment'",
            rule=_SECRETS_UNREAD,
            fix="Use the identity of its ServiceAccount instead.",
        ),
        _Judgement(
            variable="ofSecrets",
            of="volumes",
            broken="v.?secret.hasValue() || v.?projected.?sources.orValue([]).exists(s, s.?secret.hasValue())",
            wrong="'volume ' + v.name + ' is a Secret'",
            rule=_SECRETS_UNREAD,
            fix="Use the identity of its ServiceAccount instead.",
        ),
    ),
    PodRule.IMAGE_BY_DIGEST: (
        _Judgement(
            variable="byTag",
            broken=f"!c.?image.orValue('').{_DIGEST}",
            wrong="'container ' + c.name + ' names its image ' + c.?image.orValue('')",
            rule=_BY_DIGEST,
            fix="Write the image as REPOSITORY@sha256:DIGEST.",
        ),
        _Judgement(
            variable="volumeByTag",
            of="volumes",
            broken=f"v.?image.hasValue() && !v.?image.?reference.orValue('').{_DIGEST}",
            wrong="'volume ' + v.name + ' names its image ' + v.?image.?reference.orValue('')",
            rule=_BY_DIGEST,
            fix="Write the image as REPOSITORY@sha256:DIGEST.",
        ),
    ),
}


def pod_policy(
    name: str,
    *,
    namespace: str,
    rules: Sequence[PodRule],
    labels: Mapping[str, str],
    opts: ResourceOptions,
) -> ValidatingAdmissionPolicyBinding:
    """Keep `rules` in `namespace`. Both objects belong to no namespace, so that theirs is part of the name."""
    judgements = [judgement for rule in rules for judgement in _JUDGEMENTS[rule]]
    metadata = ObjectMetaArgs(name=f"{namespace}-pods", labels=labels)
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
                        api_groups=[group],
                        api_versions=["v1"],
                        operations=["CREATE", "UPDATE"],
                        resources=resources,
                        scope="*",
                    )
                    for group, resources in JUDGED
                ],
            ),
            variables=[
                VariableArgs(name="containers", expression=_containers("object")),
                VariableArgs(name="known", expression=f"oldObject == null ? [] : {_containers('oldObject')}"),
                VariableArgs(name="judged", expression="variables.containers.filter(c, !(c in variables.known))"),
                VariableArgs(name="volumes", expression=_volumes("object")),
                VariableArgs(name="knownVolumes", expression=f"oldObject == null ? [] : {_volumes('oldObject')}"),
                VariableArgs(
                    name="judgedVolumes", expression="variables.volumes.filter(v, !(v in variables.knownVolumes))"
                ),
                *(
                    VariableArgs(
                        name=one.variable, expression=f"variables.{one.judged}.filter({one.one}, {one.broken})"
                    )
                    for one in judgements
                ),
            ],
            validations=[
                ValidationArgs(
                    expression=f"size(variables.{one.variable}) == 0",
                    message_expression=_message(one, namespace),
                    reason="Forbidden",
                )
                for one in judgements
            ],
        ),
        opts=opts,
    )
    return ValidatingAdmissionPolicyBinding(
        f"{name}-binding",
        metadata=metadata,
        spec=ValidatingAdmissionPolicyBindingSpecArgs(
            policy_name=_name_of(policy, f"{namespace}-pods"),
            validation_actions=["Deny"],
            match_resources=MatchResourcesArgs(
                namespace_selector=LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace})
            ),
        ),
        opts=opts,
    )


def _containers(of: str) -> str:
    """All containers of a pod or of the template of `of`."""
    return _of_pod(of, "p.containers + p.?initContainers.orValue([]) + p.?ephemeralContainers.orValue([])")


def _volumes(of: str) -> str:
    return _of_pod(of, "p.?volumes.orValue([])")


def _of_pod(of: str, what: str) -> str:
    """`what` of the pod `p` that `of` is, or that its template makes. `dyn`, because the kinds have no common type."""
    template = (
        f"request.kind.kind == 'Pod' ? dyn({of}).spec"
        f" : request.kind.kind == 'CronJob' ? dyn({of}).spec.jobTemplate.spec.template.spec"
        f" : dyn({of}).spec.template.spec"
    )
    return f"[{template}].map(p, {what})[0]"


def _message(judgement: _Judgement, namespace: str) -> str:
    wrong = f"variables.{judgement.variable}.map({judgement.one}, {judgement.wrong}).join('; ')"
    return f"{wrong} + '. In namespace {namespace} {judgement.rule}. {judgement.fix}'"


def _name_of(policy: ValidatingAdmissionPolicy, name: str) -> Input[str]:
    return policy.metadata.apply(lambda metadata: metadata.name or name)
