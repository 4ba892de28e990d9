"""Engines in a destination: `engines/<key>/<SHA-256>.plan`, and `engines/<key>/engine.json`, which says which it is.

A plan lies under its own digest, so that no plan can take another's place; `engine.json` is written on condition that
none is there, and after the plan, so that the first builder of a key is its only one. Nothing here is signed: a builder
in a cluster holds no key. Who records an engine in the repository's lock answers for it, and `models push` signs it
with everything else that its server serves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from planning.engines.built import FOLDER, Accuracy
from planning.engines.orders import BuildOrder, PublishedEngine
from publishing.proof import ONE_PART, part_size, pieces, stored_sha256, sums_of
from publishing.store import AlreadyThereError, NotThereError, Store, StoreError

SAID_IN = "engine.json"


class EngineError(StoreError):
    """What is published as an engine is not one."""


def published(store: Store, name: str) -> PublishedEngine | None:
    """What is published under the key `name`; None where nothing is. EngineError where it cannot be read."""
    at = f"{FOLDER}/{name}/{SAID_IN}"
    try:
        found = PublishedEngine.model_validate_json(store.read(at))
    except NotThereError:
        return None
    except ValidationError as refused:
        first = refused.errors(include_url=False, include_input=False)[0]
        raise EngineError(f"{store.at(at)} describes no engine ({first['loc']}: {first['msg']}).") from None
    if found.order.name != name:
        raise EngineError(f"{store.at(at)} describes the engine {found.order.name}: somebody put it there from there.")
    return found


def publish(store: Store, order: BuildOrder, plan: Path, accuracy: Accuracy) -> tuple[PublishedEngine, bool]:
    """The engine of `order`, and whether it is this one: another builder may have been first, and stays so."""
    size = plan.stat().st_size
    sums = sums_of(plan, size)
    mine = PublishedEngine(order=order, sha256=sums.sha256, size=size, built=datetime.now(UTC), accuracy=accuracy)
    at = mine.recorded().stored_at(order.name)
    if store.head(at) is None:
        e_tag: str | None = None
        if size <= ONE_PART:
            try:
                e_tag = store.create(at, plan.read_bytes())
            except AlreadyThereError:
                e_tag = None
        else:
            e_tag = store.upload(at, pieces(plan), part_size(size))
        if e_tag not in sums.tags and stored_sha256(store, at) != mine.sha256:
            raise EngineError(f"{store.at(at)} did not arrive as it was sent.")
    try:
        store.create(f"{FOLDER}/{order.name}/{SAID_IN}", mine.model_dump_json(indent=2).encode())
    except AlreadyThereError:
        first = published(store, order.name)
        if first is None:
            raise EngineError(f"{store.at(f'{FOLDER}/{order.name}')} comes and goes: is it being removed?") from None
        return first, False
    return mine, True


def verified(store: Store, name: str, key: str) -> PublishedEngine | None:
    """As `published`, of exactly the key with the digest `key`, and its plan read to the last byte."""
    found = published(store, name)
    if found is None:
        return None
    if found.order.key != key:
        raise EngineError(f"{store.at(f'{FOLDER}/{name}/{SAID_IN}')} is of another key, {found.order.key[:12]}….")
    at = found.recorded().stored_at(name)
    if stored_sha256(store, at) != found.sha256:
        raise EngineError(f"{store.at(at)} is not the plan that was published: somebody changed it.")
    return found
