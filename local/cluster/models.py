"""Models on the nodes' disk: `<path>/<server>/<content digest>/`, exactly what planning checked."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from local.cluster.errors import ClusterError
from local.cluster.layout import Layout
from local.cluster.record import read_record, write_record
from planning.repository.served import Stored
from planning.server import PlannedServer
from planning.storage import NodePathSource


def place_models(servers: Sequence[PlannedServer], layout: Layout) -> None:
    """Bring the served files of each of `servers` to its place, complete or not at all."""
    record = read_record(layout)
    places = [place for server in servers if (place := _place_of(server))]
    write_record(replace(record, models=tuple(dict.fromkeys((*record.models, *places)))), layout)
    for server in servers:
        if place := _place_of(server):
            _place(server, place)


def forget_models(layout: Layout, *, but: Sequence[PlannedServer] = ()) -> None:
    """Remove all that was brought, but what the servers in `but` serve now."""
    record = read_record(layout)
    kept = {place for server in but if (place := _place_of(server))}
    remove_places([place for place in record.models if place not in kept])
    if layout.record.exists():
        write_record(replace(record, models=tuple(place for place in record.models if place in kept)), layout)


def remove_places(places: Sequence[Path]) -> None:
    """Needs no room on any disk: the record is left as it is."""
    for place in places:
        for unfinished in (place, *place.parent.glob(f"{place.name}.*")):
            shutil.rmtree(unfinished, ignore_errors=True)
        # <path>/<server>, <path> and the folder of all stacks, where nothing else is in them.
        for folder in list(place.parents)[:3]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _place_of(server: PlannedServer) -> Path | None:
    source = server.storage.source
    if not isinstance(source, NodePathSource):
        return None
    return Path(source.node_path) / server.name / server.served.digest


def _holds(place: Path, server: PlannedServer) -> bool:
    """Whether all of it is there as it was planned, for pods to read: what was damaged since is brought anew."""
    try:
        return all(
            (file := place / served.path).stat().st_size == served.size
            and file.stat().st_mode & 0o444 == 0o444
            and hashlib.sha256(file.read_bytes()).hexdigest() == served.sha256
            for served in server.served.files
        )
    except OSError:
        return False


def _place(server: PlannedServer, place: Path) -> None:
    if _holds(place, server):
        return
    unfinished = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        for file in server.served.files:
            target = unfinished / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            # A copy: the kubelet gives what it mounts to the pod's group.
            if isinstance(file.source, Stored):
                raise ClusterError(
                    f"{file.path} is an engine, which runs on a GPU only, and this machine serves without."
                )
            shutil.copyfile(file.source, target)
            target.chmod(0o644)
        for folder in (unfinished, *(path for path in unfinished.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        damaged = place.with_name(f"{place.name}.damaged")
        if place.exists():
            place.rename(damaged)
        unfinished.rename(place)
        shutil.rmtree(damaged, ignore_errors=True)
    except OSError as refused:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ClusterError(f"The models of {server.name!r} cannot be brought to {place}: {refused}.") from refused
