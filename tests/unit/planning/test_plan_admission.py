"""Which rules the API server keeps on pods: those that the stack's own pods keep."""

from __future__ import annotations

from planning.admission import PodRule, plan_admission
from planning.images import ImageRef
from tests.unit.planning.drawn_stacks import for_every_stack
from tests.unit.planning.world import Raw, planned

BY_DIGEST = ImageRef(repository="registry.example/a", tag="1", digest="sha256:" + "0" * 64)
BY_TAG = ImageRef(repository="localhost/b", tag="1", digest=None)


def rules(*images: ImageRef) -> set[PodRule]:
    return {rule.value for rule in plan_admission(images, [])}


def test_images_by_tag_are_refused_where_the_stack_has_none_itself() -> None:
    assert PodRule.IMAGE_BY_DIGEST in rules(BY_DIGEST, BY_DIGEST)
    assert PodRule.IMAGE_BY_DIGEST not in rules(BY_DIGEST, BY_TAG)


def test_root_file_systems_are_read_only_in_every_stack() -> None:
    assert PodRule.READ_ONLY_ROOT in rules(BY_TAG)
    assert PodRule.READ_ONLY_ROOT in rules(BY_DIGEST)


def test_secrets_are_refused_where_no_pod_of_the_stack_reads_one() -> None:
    assert PodRule.NO_SECRET in rules(BY_DIGEST)
    assert PodRule.NO_SECRET not in {rule.value for rule in plan_admission([BY_DIGEST], ["keys"])}


@for_every_stack
def test_no_stack_refuses_its_own_images(raw: Raw) -> None:
    made = planned(raw)
    by_tag = [server.name for server in made.servers if server.image.value.digest is None]
    assert (PodRule.IMAGE_BY_DIGEST in {rule.value for rule in made.pod_rules}) == (not by_tag)


@for_every_stack
def test_every_rule_has_its_reason(raw: Raw) -> None:
    for rule in planned(raw).pod_rules:
        assert rule.because.strip()
        assert not rule.because.endswith(".")
