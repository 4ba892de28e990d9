"""What a container asks for and gets, where its pod is to be Guaranteed: nobody else's load takes it away."""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import ResourceRequirementsArgs

from planning.pools import GPU_RESOURCE
from planning.settings.quantities import Cpu, Memory


def exactly(cpu: Cpu, memory: Memory, disk: Memory, *, gpus: int = 0) -> ResourceRequirementsArgs:
    """Requests that equal limits. `disk`: what it may fill of its node's, logs included."""
    amounts = {
        "cpu": str(cpu),
        "memory": str(memory),
        "ephemeral-storage": str(disk),
        **({GPU_RESOURCE: str(gpus)} if gpus else {}),
    }
    return ResourceRequirementsArgs(requests=dict(amounts), limits=dict(amounts))
