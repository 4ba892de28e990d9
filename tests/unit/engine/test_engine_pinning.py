"""The digest of what this machine packed, said in the settings, is the digest in the rendered objects."""

from __future__ import annotations

from pathlib import Path

import yaml

from local.cluster.image_archive import PackedImage
from local.cluster.triton_image import NAME, pinned
from local.engine.pinning import pinned_settings
from planning.settings import Settings, read_settings
from stacks.planned import planned
from stacks.render import rendered

ROOT = Path(__file__).parents[3]
IMAGE = PackedImage(name=NAME, digest="sha256:" + "5" * 64, archive=Path("/nowhere"))


def test_pinning_the_settings_renders_what_pinning_the_objects_gives() -> None:
    written = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]["tritonup:settings"]
    settings = read_settings(written)
    assert isinstance(settings, Settings)
    plan = planned(settings, ROOT)
    told = read_settings(pinned_settings(written, plan, IMAGE))
    assert isinstance(told, Settings), told
    with_digest = planned(told, ROOT)
    assert (with_digest.errors, with_digest.warnings) == (plan.errors, plan.warnings)
    by_objects = pinned([one.body for one in rendered(plan, "local")], IMAGE)
    assert [one.body for one in rendered(with_digest, "local")] == by_objects
    assert IMAGE.by_digest in str(by_objects)


def test_an_image_of_the_users_own_stays() -> None:
    written = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]["tritonup:settings"]
    written["servers"]["triton"]["image"] = {"repository": "registry.example/own", "digest": "sha256:" + "7" * 64}
    settings = read_settings(written)
    assert isinstance(settings, Settings)
    assert pinned_settings(written, planned(settings, ROOT), IMAGE) == written
