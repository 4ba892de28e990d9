"""The NodePools that planning renders for stack prod, with room for as many nodes as pods are measured with."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from local.cluster.kubectl import Object
from local.cluster.layout import PROJECT
from planning.settings.reading import read_settings
from planning.settings.root import Settings
from stacks.planned import planned
from stacks.render import rendered


def prod_node_pools(nodes: int) -> Sequence[Object]:
    """Five times `nodes`: a limit must not be what keeps Karpenter from buying too many."""
    document = yaml.safe_load((PROJECT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))
    raw = document["config"]["tritonup:settings"]
    raw["gpu_pools"]["a10g-spot"]["nodes"]["max"] = 5 * nodes
    settings = read_settings(raw)
    assert isinstance(settings, Settings), settings
    plan = planned(settings, PROJECT)
    assert not plan.errors, plan.errors
    pools = [manifest.body for manifest in rendered(plan, "prod") if manifest.kind == "NodePool"]
    return [body for body in pools if body["spec"]["template"]["metadata"]["labels"]["tritonup/pool"] == "a10g-spot"]
