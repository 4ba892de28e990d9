"""The init container that lets Triton start when its models are on the volume, whole and signed (planning/filling.py).

It reads and never writes, and is nobody to the bucket. Where it gives up, the pod's status says what is missing.
"""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import ContainerArgs, VolumeMountArgs

from components.amounts import exactly
from components.images import image_reference
from components.models.fetching import CONTAINER, FILE, FOLDER, LOGS, SIGNING
from components.security.restricted import restricted
from planning.server import PlannedServer
from planning.storage import MOUNT, FilledSource


def waiting_container(server: PlannedServer, source: FilledSource, mount: VolumeMountArgs) -> ContainerArgs:
    """`mount`: the whole volume, read-only."""
    return ContainerArgs(
        name=CONTAINER,
        image=image_reference(source.image.value),
        image_pull_policy="IfNotPresent",
        args=[
            *("models", "wait", server.name),
            f"--digest={server.served.digest}",
            f"--root={MOUNT}",
            f"--signing={FOLDER}/{FILE}",
            f"--seconds={source.seconds.value}",
        ],
        resources=exactly(server.cpu, server.memory, LOGS),
        termination_message_policy="FallbackToLogsOnError",
        security_context=restricted(),
        volume_mounts=[mount, VolumeMountArgs(name=SIGNING, mount_path=FOLDER, read_only=True)],
    )
