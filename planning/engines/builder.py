"""One Job for each engine that is missing: on the GPU that needs it, with the image that serves it.

Its pod has three steps: our program brings the ONNX file and verifies it; trtexec builds; then Triton serves both
beside our program, which compares and publishes. Of CPU and memory the pod asks for what a server's pod does, and it
yields to serving pods. What it publishes is noted by `tritonup engines record`, and then the Job is no longer planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from planning.buckets import Bucket, builders_bucket
from planning.catalogue import Catalogue
from planning.derived import Derived
from planning.engines.needed import NeededEngine
from planning.engines.orders import BuildOrder, OrderedTensor
from planning.engines.settings import builder_of
from planning.images import ImageRef
from planning.network import Allowance, plan_bucket_network
from planning.pools import Pool
from planning.proxy import MEMORY as PROXY_MEMORY
from planning.proxy import with_proxy
from planning.repository.digest import content_digest
from planning.repository.engine_sources import source_files
from planning.repository.model import Model, Repository, Tensor
from planning.repository.served import ServedFile, ServedSet
from planning.server import PlannedServer
from planning.settings.quantities import Cpu, Memory
from planning.settings.repository import EngineBuilder
from planning.settings.root import Settings

PUBLISHER = (Cpu(250), Memory(512 * 2**20))
"""Of our program beside Triton: two answers at a time, and an interpreter. An allowance of ours."""

ENGINE_SHARE = 3
"""How large an engine may be, in its ONNX files' sizes: weights once more for other batches' kernels, with a margin. A
choice of ours; with EXTRA it bounds the volume that the containers share."""

EXTRA = Memory(256 * 2**20)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineJob:
    """`pools` are those whose GPU it builds for, where its pod may stand; `image` is that of the server which needs it
    first, and `cpu` and `memory` are Triton's there. `sources` is what has to be published before."""

    order: BuildOrder
    server: str
    image: Derived[ImageRef]
    pools: tuple[Pool, ...]
    cpu: Cpu
    memory: Memory
    room: Derived[Memory]
    sources: ServedSet

    @property
    def beside(self) -> Memory:
        """What Triton has while our program runs beside it: together they ask for no more than a server's pod."""
        return Memory(self.memory.bytes + PROXY_MEMORY.bytes - PUBLISHER[1].bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBuilder:
    """`bucket` is as builders reach it, who may also write; `seconds` is how long a build may take."""

    bucket: Bucket
    programs: Derived[ImageRef]
    seconds: int
    jobs: tuple[EngineJob, ...]
    network: tuple[Allowance, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that its pods read."""
        return self.bucket.secrets


def plan_builder(
    settings: Settings,
    servers: Sequence[PlannedServer],
    repository: Repository,
    pools: Mapping[str, Pool],
    programs: Derived[ImageRef] | None,
    catalogue: Catalogue,
) -> PlannedBuilder | None:
    """None where nobody builds, no engine is missing, or what builds them could not be planned, which has been said."""
    wanted, bucket = builder_of(settings.model_repository), builders_bucket(settings)
    if wanted is None or bucket is None or programs is None:
        return None
    jobs = _jobs(servers, repository, pools, wanted)
    if not jobs:
        return None
    return PlannedBuilder(
        bucket=bucket,
        programs=programs,
        seconds=wanted.within.seconds,
        jobs=jobs,
        network=plan_bucket_network(
            settings, bucket, catalogue, who="the builder", how="fetched and engines published"
        ),
    )


def _jobs(
    servers: Sequence[PlannedServer],
    repository: Repository,
    pools: Mapping[str, Pool],
    builder: EngineBuilder,
) -> tuple[EngineJob, ...]:
    """One for each key that is missing, whichever server needs it."""
    jobs: dict[str, EngineJob] = {}
    for server in servers:
        for needed in server.engines:
            if needed.built is None and needed.key.name not in jobs:
                job = _job(server, needed, repository, pools, builder)
                if job is not None:
                    jobs[needed.key.name] = job
    return tuple(jobs[name] for name in sorted(jobs))


def _job(
    server: PlannedServer,
    needed: NeededEngine,
    repository: Repository,
    pools: Mapping[str, Pool],
    builder: EngineBuilder,
) -> EngineJob | None:
    model = repository.models[needed.model]
    sources = sources_of(repository, model)
    if sources is None:
        return None
    order = BuildOrder(
        name=needed.key.name,
        key=needed.key.digest,
        model=needed.model,
        source=needed.source,
        sources=sources.digest,
        source_bytes=sources.total_bytes,
        precision=needed.key.precision,
        gpus=needed.key.gpus,
        tensorrt=needed.key.tensorrt,
        max_batch_size=model.max_batch_size,
        inputs=tuple(map(_tensor, model.inputs)),
        outputs=tuple(map(_tensor, model.outputs)),
        shapes=needed.key.shapes,
        tolerance=builder.tolerance,
    )
    room = sources.total_bytes * (1 + ENGINE_SHARE) + EXTRA.bytes
    size = Memory(sources.total_bytes).readable()
    cpu, memory = server.cpu, max(server.memory, Memory(2 * PUBLISHER[1].bytes))
    assert with_proxy(cpu, memory)[0].millis >= PUBLISHER[0].millis
    return EngineJob(
        order=order,
        server=server.name,
        image=server.image,
        pools=tuple(pools[name] for name in needed.pools),
        cpu=cpu,
        memory=memory,
        room=Derived(
            Memory.mebibytes(room / 2**20),
            f"the ONNX files have {size}, an engine {ENGINE_SHARE} times that at the most, and {EXTRA} beside them",
        ),
        sources=sources,
    )


def sources_of(repository: Repository, model: Model) -> ServedSet | None:
    """What the engine of `model` is built from, to be published as models are; None where it is not whole."""
    engine = model.engine
    files = source_files(repository, engine) if engine else None
    if engine is None or files is None:
        return None
    source = repository.models[engine.model]
    published = tuple(
        ServedFile(
            source=source.directory / file.path,
            path=PurePosixPath(source.name) / file.path,
            size=file.size,
            sha256=file.sha256,
        )
        for file in sorted(files, key=lambda file: file.path)
    )
    return ServedSet(
        models=(),
        planned=(),
        files=published,
        digest=content_digest((file.path.as_posix(), file.sha256) for file in published),
        total_bytes=sum(file.size for file in published),
    )


def published_sources(builder: PlannedBuilder | None) -> Mapping[str, ServedSet]:
    """What builders fetch, by its digest: each once, as the server SOURCES."""
    return {job.sources.digest: job.sources for job in builder.jobs} if builder else {}


def _tensor(tensor: Tensor) -> OrderedTensor:
    return OrderedTensor(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
