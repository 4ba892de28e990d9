"""The rules on pods: bound to the stack's own namespace, and kept by the stack's own pods. The cluster's tests hold the
API server's judgement to them."""

from __future__ import annotations

from rendered_stack import RenderedStack, pod_of


def test_the_policy_is_bound_to_the_stacks_own_namespace_and_denies(stack: RenderedStack) -> None:
    (policy,) = stack.of("ValidatingAdmissionPolicy")
    (binding,) = stack.of("ValidatingAdmissionPolicyBinding")
    assert binding.body["spec"] == {
        "policyName": policy.name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stack.plan.namespace}}},
    }
    assert policy.body["spec"]["failurePolicy"] == "Fail"


def test_every_rule_is_a_validation_and_every_variable_is_defined_before_it_is_used(stack: RenderedStack) -> None:
    spec = stack.of("ValidatingAdmissionPolicy")[0].body["spec"]
    assert len(spec["validations"]) == len(stack.plan.pod_rules)
    known: list[str] = []
    for variable in spec["variables"]:
        used = [
            name for name in (one["name"] for one in spec["variables"]) if f"variables.{name}" in variable["expression"]
        ]
        assert set(used) <= set(known)
        known.append(variable["name"])


def test_every_container_of_the_stack_keeps_to_the_rules_itself(stack: RenderedStack) -> None:
    by_digest = any(rule.value.value == "image-by-digest" for rule in stack.plan.pod_rules)
    assert by_digest == (stack.name != "local")
    for deployment in stack.of("Deployment"):
        pod = pod_of(deployment.body)
        for container in (*pod["containers"], *pod.get("initContainers", [])):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert ("@sha256:" in container["image"]) or not by_digest
