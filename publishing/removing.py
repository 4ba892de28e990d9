"""gc: published digests out of a store, for what `retention` has decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from publishing.layout import Held, content_key, read_layout, signature_key
from publishing.retention import Version
from publishing.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """`bytes` that went; None where the version was left, because somebody wrote to it since the decision."""

    version: Version
    bytes: int | None


def versions(store: Store) -> tuple[Version, ...]:
    """Everything that the store holds in the layout of a destination."""
    return tuple(map(version_of, read_layout(store.list()).values()))


def version_of(held: Held) -> Version:
    return Version(
        server=held.server,
        digest=held.digest,
        changed=held.changed,
        published=held.published,
        total_bytes=held.total_bytes,
    )


def remove(store: Store, version: Version, decided: datetime) -> Removed:
    """Take `version` out of the store. Its signatures go first: what is left of it then is not taken for whole.

    Looked at again before: a push that has begun since `decided` is not disturbed.
    """
    held = read_layout(store.list(version.server)).get(version.identity)
    if held is None:
        return Removed(version=version, bytes=0)
    if held.changed > version.changed or held.changed > decided:
        return Removed(version=version, bytes=None)
    store.delete([signature_key(held.server, held.digest, key) for key in sorted(held.signatures)])
    store.delete([content_key(held.server, held.digest, path) for path in sorted(held.files)])
    return Removed(version=version, bytes=held.total_bytes)
