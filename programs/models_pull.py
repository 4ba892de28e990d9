"""`models pull`: a server's models into its pod, verified, before Triton starts.

It runs as an init container. What it says goes to the container's log; why it failed goes to the pod's status as well
(the termination message), where `kubectl describe` and the Deployment's watchers find it. It holds no state but the
directory: started again it goes on where it was ended, and finds done what is done.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from planning.settings.quantities import Memory
from programs.arguments import add_signing, add_store, read_trust
from programs.ending import CANNOT, REFUSED, end_when_told, failed
from publishing.pulling import PullError, RefusedError, pull
from publishing.store import Store, StoreError

SAY_EVERY_S = 5.0
"""Between two lines of progress. A choice of ours: a log is read by people, and kept."""


def main(arguments: Sequence[str]) -> int:
    """What the process ends with."""
    asked = _asked(arguments)
    end_when_told()
    return fetch(asked)


def fetch(asked: Asked) -> int:
    try:
        trust = read_trust(asked.signing)
        print(f"fetching {asked.server}/{asked.digest} from {asked.store}", flush=True)
        progress = _Progress(total=asked.bytes)
        store = Store(asked.store, region=asked.region, endpoint=asked.endpoint)
        pulled = pull(store, asked.server, asked.digest, asked.out, trust, progress.advance)
    except RefusedError as refused:
        return failed(REFUSED, "\n".join(map(str, refused.findings)))
    except (PullError, StoreError) as refused:
        return failed(CANNOT, str(refused))
    did = "was there already" if pulled.already else f"{_size(pulled.fetched)} fetched, {_size(pulled.resumed)} resumed"
    print(f"{pulled.directory}: {did} in {progress.seconds:.1f} s; as signed by {pulled.signed_by}", flush=True)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    server: str
    digest: str
    store: str
    region: str | None
    endpoint: str | None
    out: Path
    signing: Path
    bytes: int


def _asked(arguments: Sequence[str]) -> Asked:
    parser = argparse.ArgumentParser(prog="models pull", allow_abbrev=False)
    parser.add_argument("server")
    parser.add_argument("--digest", required=True, help="of what it serves, whole")
    add_store(parser)
    parser.add_argument("--out", required=True, type=Path, help="where to; they come to <out>/SERVER/DIGEST")
    add_signing(parser)
    parser.add_argument("--bytes", required=True, type=int, help="of all files, for the progress")
    return Asked(**vars(parser.parse_args(arguments)))


@dataclass(slots=True, kw_only=True)
class _Progress:
    """Says how far it is, now and then. `advance` is called by many threads."""

    total: int
    begun: float = field(default_factory=time.monotonic)
    done: int = 0
    _said: float = field(default_factory=time.monotonic)
    _lock: Lock = field(default_factory=Lock)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def advance(self, size: int) -> None:
        with self._lock:
            self.done += size
            now = time.monotonic()
            if now - self._said < SAY_EVERY_S:
                return
            self._said = now
            rate = self.done / (now - self.begun) / 2**20
            print(f"{_size(self.done)} of {_size(self.total)}, {rate:.0f} MiB/s", flush=True)


def _size(count: int) -> str:
    return Memory(count).readable()
