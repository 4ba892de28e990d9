"""IAM policy documents as typed values. A document with an Output in it becomes text when the Output is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi import Input, Output

VERSION = "2012-10-17"
"""Of IAM's policy language (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html)."""

Values = Input[str] | Sequence[Input[str]]
Condition = Mapping[str, Values]
"""Condition keys and the values that each may have. A key is plain text, unlike a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """`principals` by their kind (Service, AWS, Federated): in trust and resource policies alone. `resources` is left
    out of trust policies. `conditions` by operator: {"StringEquals": {"aws:SourceAccount": account}}."""

    sid: str
    actions: Sequence[str]
    effect: Literal["Allow", "Deny"] = "Allow"
    resources: Sequence[Input[str]] = ()
    principals: Mapping[str, Input[str]] | None = None
    conditions: Mapping[str, Condition] | None = None


def document(*statements: Statement) -> Output[str]:
    return as_json({"Version": VERSION, "Statement": [_written(statement) for statement in statements]})


def as_json(value: Mapping[str, object]) -> Output[str]:
    """`value` as text, when every Output in it is known. Keys are sorted, so that the text never changes by chance."""
    return pulumi.Output.from_input(value).apply(lambda known: json.dumps(known, sort_keys=True))


def _written(statement: Statement) -> dict[str, object]:
    written: dict[str, object] = {
        "Sid": statement.sid,
        "Effect": statement.effect,
        "Action": list(statement.actions),
    }
    if statement.resources:
        written["Resource"] = list(statement.resources)
    if statement.principals is not None:
        # Everybody is written as a star, not as a mapping.
        written["Principal"] = "*" if "*" in statement.principals else dict(statement.principals)
    if statement.conditions is not None:
        written["Condition"] = {operator: dict(keys) for operator, keys in statement.conditions.items()}
    return written


def trusting(service: str, *, conditions: Mapping[str, Condition] | None = None) -> Output[str]:
    """A trust policy: `service` of AWS may take the role."""
    return document(
        Statement(
            sid="ServiceTakesRole", actions=["sts:AssumeRole"], principals={"Service": service}, conditions=conditions
        )
    )
