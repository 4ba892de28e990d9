"""Images that this machine packed: their tags mean something here alone, so a digest is said with the stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from planning.derived import Derived
from planning.images import ImageRef
from planning.plan import Plan
from planning.storage import FetchedSource, FilledSource, Storage


def with_packed(plan: Plan, digests: Mapping[str, str]) -> Plan:
    """`plan` with every image whose name by tag is in `digests` named by that digest: new bytes are then a new version
    of the Deployment, and no other bytes can run under this name. What has a digest keeps it."""

    def packed(image: Derived[ImageRef]) -> Derived[ImageRef]:
        digest = digests.get(str(image.value))
        return image if digest is None else Derived(replace(image.value, digest=digest), "this machine packed it")

    def fetcher(storage: Storage) -> Storage:
        source = storage.source
        if not isinstance(source, FetchedSource | FilledSource):
            return storage
        return replace(storage, source=replace(source, image=packed(source.image)))

    filler = plan.filler
    return replace(
        plan,
        filler=replace(filler, programs=packed(filler.programs)) if filler else None,
        servers=tuple(
            replace(
                server,
                image=packed(server.image),
                proxy_image=packed(server.proxy_image),
                storage=fetcher(server.storage),
            )
            for server in plan.servers
        ),
    )
