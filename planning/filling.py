"""The Jobs that fill the model volume: one for each server's version, with the program that pods fetch with.

A Job brings `<server>/<content digest>/` onto the volume, verified, under a name of its own until it is whole; what is
there already is left as it is. Whatever it depends on is in its name: another version, another image or another key is
another Job, and nothing of one that ran is changed. Only Jobs reach the bucket.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from planning.buckets import Bucket, readers_bucket
from planning.catalogue import Catalogue
from planning.derived import Derived
from planning.images import ImageRef
from planning.network import Allowance, plan_bucket_network
from planning.repository.served import ServedSet
from planning.server import PlannedServer
from planning.settings.quantities import Cpu, Memory
from planning.settings.root import Settings
from planning.volumes import PlannedClaim, filler_account, plan_claim, plan_fill_time, volume_of

ACCOUNT = "model-filler"
"""What the pods of all these Jobs are selected by, and the name of their NetworkPolicy."""

FILLER_CPU = Cpu(1000)
FILLER_MEMORY = Memory(2**30)
"""Of a Job's pod: 16 ranges of 8 MiB under way, an interpreter, and page cache to write from. An allowance of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillJob:
    """`account` is its ServiceAccount, and `bucket` is as that one reaches it; `seconds` is how long it may take, its
    start included."""

    server: str
    account: str
    bucket: Bucket
    served: ServedSet
    seconds: Derived[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFiller:
    """`keys` is what `model_repository.signing` says, as JSON."""

    claim: PlannedClaim
    programs: Derived[ImageRef]
    keys: str
    jobs: tuple[FillJob, ...]
    network: tuple[Allowance, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that its pods read."""
        return tuple(sorted({name for job in self.jobs for name in job.bucket.secrets}))

    def name_of(self, job: FillJob) -> str:
        """The Job's name. Keys are part of it, because a version that is signed anew needs its new signature."""
        facts = [self.claim.name, job.served.digest, str(self.programs.value), self.keys]
        facts += [job.bucket.url, str(job.bucket.region), str(job.bucket.endpoint), *job.bucket.secrets]
        return f"fill-{job.server}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:10]}"


def plan_filler(
    settings: Settings, servers: Sequence[PlannedServer], programs: Derived[ImageRef] | None, catalogue: Catalogue
) -> PlannedFiller | None:
    """None where no volume is filled, or what fills it could not be planned, which has been said."""
    storage = volume_of(settings.model_repository)
    signing = settings.model_repository.signing
    if storage is None or signing is None or programs is None:
        return None
    jobs = tuple(
        FillJob(
            server=server.name,
            account=filler_account(server.name),
            bucket=bucket,
            served=server.served,
            seconds=plan_fill_time(server.served),
        )
        for server in servers
        if (bucket := readers_bucket(settings, server.name)) is not None
    )
    if not jobs:
        return None
    return PlannedFiller(
        claim=plan_claim(settings.namespace, storage),
        programs=programs,
        keys=json.dumps(signing.model_dump(mode="json"), sort_keys=True),
        jobs=jobs,
        network=plan_bucket_network(
            settings, jobs[0].bucket, catalogue, who="the Job that fills the volume", how="fetched"
        ),
    )
