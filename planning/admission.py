"""What the API server asks of every pod in the stack's namespace, beside what restricted Pod Security asks.

The rules hold for whatever is made there, by whomever: a pod that somebody adds by hand stands beside the servers and
shares their network and their nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from planning.derived import Derived
from planning.images import ImageRef


class PodRule(Enum):
    """What every volume and every container of a pod must keep to: its init containers and its ephemeral ones too."""

    READ_ONLY_ROOT = "read-only-root"
    NO_SECRET = "no-secret"  # noqa: S105 - a rule's name
    IMAGE_BY_DIGEST = "image-by-digest"


def plan_admission(images: Iterable[ImageRef], secrets: Iterable[str]) -> tuple[Derived[PodRule], ...]:
    """The rules that the stack's own pods, which run `images` and read `secrets`, keep to themselves."""
    rules = [
        Derived(
            PodRule.READ_ONLY_ROOT,
            "every container of this stack writes to volumes alone, and restricted Pod Security does not ask for it",
        )
    ]
    if not list(secrets):
        rules.append(
            Derived(
                PodRule.NO_SECRET,
                "no container of this stack reads a Secret, and who may change a Deployment could read all of them so",
            )
        )
    if all(image.digest for image in images):
        rules.append(
            Derived(
                PodRule.IMAGE_BY_DIGEST,
                "every image of this stack is named by digest, and a tag can name other bytes tomorrow",
            )
        )
    return tuple(rules)
