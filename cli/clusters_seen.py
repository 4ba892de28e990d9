"""Whether the clusters that are named are those that matter: before something is removed that one of them may need."""

from __future__ import annotations

from collections.abc import Sequence

from cli.clusters import NamedCluster, UnreadableError, read_cluster
from cli.destinations import stop
from cli.named_digests import Named, Reader, same_place
from planning.settings.repository import Destination
from publishing.running import ClusterSeen, running


def look_at_all(clusters: Sequence[NamedCluster]) -> tuple[ClusterSeen, ...]:
    """UnreadableError where one of them cannot be read, or has nothing of ours: it may be another than was meant."""
    seen = tuple(read_cluster(one) for one in clusters)
    for one in seen:
        if not one.names_models:
            raise UnreadableError(
                f"{one.name} has nothing that names a digest of models: is it the cluster that was meant? If nothing of"
                " ours runs there, leave it out."
            )
    return seen


def readers_of(named: Named, place: Destination, without: Sequence[str]) -> tuple[Reader, ...]:
    """The stacks of the project that read `place`, but for `without`. Exits where one of these is no stack."""
    if unknown := set(without) - {reader.stack for reader in named.readers}:
        known = ", ".join(reader.stack for reader in named.readers)
        stop(f"--without: there is no stack {min(unknown)!r}. There are: {known}.")
    return tuple(one for one in named.readers if one.stack not in without and same_place(one.destination, place))


def all_are_seen(readers: Sequence[Reader], seen: Sequence[ClusterSeen]) -> None:
    """UnreadableError where one of `readers` is in none of the clusters: what it serves may be gone from here."""
    there = {(row.namespace, row.server) for one in seen for row in running(one)}
    for reader in readers:
        if there.isdisjoint((reader.namespace, server) for server in reader.servers):
            raise UnreadableError(
                f"Stack {reader.stack!r} reads the same destination, and no server of it is in a cluster that is named:"
                f" name its cluster too, or say --without {reader.stack} if it runs nowhere."
            )
