"""A stack's settings with the image that this machine packed, named by its digest."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from local.cluster.image_archive import PackedImage
from planning.plan import Plan
from planning.release import BUILT_HERE


def pinned_settings(settings: Mapping[str, Any], plan: Plan, image: PackedImage) -> dict[str, Any]:
    """What `local.cluster.triton_image.pinned` does to rendered objects, said in the settings, so that the program
    makes them so: new bytes are a new version of the Deployment. With a digest there is no tag to warn of, and an
    acceptance that accepts nothing would itself be warned of."""
    pinned = copy.deepcopy(dict(settings))
    named = [server.name for server in plan.servers if str(server.image.value) == image.name]
    for name in named:
        pinned["servers"][name]["image"] = {"repository": image.name.rpartition(":")[0], "digest": image.digest}
    if named and "accept" in pinned:
        pinned["accept"] = [accepted for accepted in pinned["accept"] if accepted["rule"] != BUILT_HERE.id]
    return pinned
