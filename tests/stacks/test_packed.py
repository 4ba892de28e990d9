"""A digest said with the stack is the digest in what is rendered."""

from __future__ import annotations

from pathlib import Path

from local.cluster.image_archive import PackedImage
from local.cluster.proxy_image import NAME as PROXY
from local.cluster.stack_images import pinned
from local.cluster.triton_image import NAME as TRITON
from planning.plan import Plan
from stacks.packed import with_packed
from stacks.planned import planned
from stacks.render import rendered
from stacks.stackfile import StackFile, read_stack_file

ROOT = Path(__file__).parents[2]
IMAGES = [
    PackedImage(name=name, digest=f"sha256:{index * 32}", archive=Path("/nowhere"))
    for name, index in ((TRITON, "5a"), (PROXY, "6b"))
]
DIGESTS = {image.name: image.digest for image in IMAGES}


def plan_of(stack: str) -> Plan:
    file = read_stack_file(ROOT, stack)
    assert isinstance(file, StackFile), file
    return planned(file.settings, ROOT)


def test_pinning_the_plan_renders_what_pinning_the_objects_gives() -> None:
    plan = plan_of("local")
    by_objects = pinned([one.body for one in rendered(plan, "local")], IMAGES)
    assert [one.body for one in rendered(with_packed(plan, DIGESTS), "local")] == by_objects
    for image in IMAGES:
        assert image.by_digest in str(by_objects)


def test_other_images_keep_their_digests() -> None:
    plan = plan_of("prod")
    assert with_packed(plan, DIGESTS) == plan
