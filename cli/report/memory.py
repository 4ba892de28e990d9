"""What a server asks for, what it needs, and what is there."""

from __future__ import annotations

from cli.report.document import Block, Column, Fact, Facts, Section, Table
from cli.report.values import cores, count, size, words
from planning.memory import Estimate
from planning.pools import Pool
from planning.server import PlannedServer
from planning.storage import FetchedSource

FIT = (
    Column("pool", "Pool"),
    Column("needed", "A pod needs"),
    Column("given", "A share has"),
    Column("left", "Left"),
    Column("because", "Because"),
)
PARTS = (
    Column("part", "Part"),
    Column("size", "Estimate"),
    Column("error", "Give or take"),
    Column("source", "Where it is from"),
)


def pools_of(server: PlannedServer) -> tuple[Pool, ...]:
    """Those that its lanes may use, each once."""
    return tuple({pool.name: pool for lane in server.lanes for pool in lane.lane.pools}.values())


def memory_section(server: PlannedServer) -> Section:
    """Of one pod."""
    asked = f"servers.{server.name}"
    needs = server.needs
    blocks: list[Block] = []
    facts = [
        Fact("host_memory", "Memory given", size(server.memory), f"{asked}.resources.memory says so"),
        Fact("host_memory_needed", "Memory needed", size(needs.host.most), needs.host.because),
        Fact("shared_memory", "Shared memory, of it", size(needs.shared.value), needs.shared.because),
        Fact("scratch", "Scratch disk", size(server.storage.scratch.value), server.storage.scratch.because),
        Fact("cpu", "CPU", cores(server.cpu), f"{asked}.resources.cpu says so"),
    ]
    match server.storage.source:
        case FetchedSource(room=room, onto=onto):
            facts.append(Fact("models_volume", f"Models, fetched onto {onto}", size(room.value), room.because))
        case _:
            pass
    blocks.append(_parts("host_parts", needs.host))
    if needs.gpu is not None:
        facts += [
            Fact("gpu_shares", "GPU shares", count(server.gpus), f"{asked}.gpu.count says so"),
            Fact("gpu_memory_needed", "GPU memory needed", size(needs.gpu.fixed.most), needs.gpu.because),
        ]
        rows = (
            (
                words(pool.name),
                size(need.most),
                size(pool.share_bytes.value),
                size(max(0, pool.share_bytes.value - need.most)),
                words(pool.share_bytes.because),
            )
            for pool in pools_of(server)
            for need in [needs.gpu.on(pool)]
        )
        blocks.append(_parts("gpu_parts", needs.gpu.fixed))
        blocks.append(Table(key="gpu_memory", columns=FIT, rows=tuple(rows)))
    return Section(key="memory", title="Memory and processors", blocks=(Facts(facts=tuple(facts)), *blocks))


def _parts(key: str, estimate: Estimate) -> Table:
    rows = ((words(part.name), size(part.size), size(part.error), words(part.source)) for part in estimate.parts)
    return Table(key=key, columns=PARTS, rows=tuple(rows))
