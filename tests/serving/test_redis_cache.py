"""Triton's response cache in a real Redis, with the flags that are planned: where somebody has built Triton's library
for it, which no package index has. docs/how-to/response-cache.md says what was found with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from rendered_deployment import deployment
from serving_workplace import Workplace, eventually
from small_models import doubling

from local.errors import CannotServeError
from local.object_stores import LOOPBACK, free_port
from local.triton import RunningTriton
from planning.caching import PASSWORD, plan_cache
from planning.settings.caching import RedisCache
from planning.settings.quantities import Cpu

CACHES = "TRITONUP_TRITON_CACHES"
"""A folder with `redis/libtritoncache_redis.so`."""

SECRET = "only on loopback"


class Redis:
    """With a password, in memory alone."""

    def __init__(self, server: str) -> None:
        self.port = free_port()
        self._server = server
        self.start()

    def start(self) -> None:
        told = ["--bind", LOOPBACK, "--port", str(self.port), "--save", "", "--requirepass", SECRET]
        self._process = subprocess.Popen([self._server, *told], stdout=subprocess.DEVNULL)
        eventually(lambda: self.says("ping") == "PONG", "Redis answers")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def says(self, *command: str) -> str:
        told = [str(Path(self._server).with_name("redis-cli")), "-p", str(self.port), *command]
        with_password = {**os.environ, "REDISCLI_AUTH": SECRET}
        return subprocess.run(told, env=with_password, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture(scope="module")
def caches() -> Path:
    named = Path(os.environ.get(CACHES, ""))
    if not (named / "redis" / "libtritoncache_redis.so").is_file():
        pytest.skip(f"{CACHES} names no folder with Triton's cache library for Redis")
    return named


@pytest.fixture
def redis(caches: Path) -> Iterator[Redis]:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server on the PATH")
    running = Redis(server)
    yield running
    running.end()


@pytest.fixture
def place(caches: Path, workplace: Workplace) -> Workplace:
    workplace.installed = replace(workplace.installed, caches=caches)
    return workplace


def begun(place: Workplace, root: Path, redis: Redis, password: str = SECRET) -> RunningTriton:
    """One of `doubling`'s servers."""
    model = root / "doubling"
    if not model.is_dir():
        doubling(root, config="max_batch_size: 8\nresponse_cache { enable: true }")
    told = RedisCache.model_validate(
        {"kind": "redis", "host": LOOPBACK, "port": redis.port, "reached": {"kind": "pods", "namespace": "cache"}}
    )
    manifest = deployment(args=tuple(map(str, plan_cache(told, Cpu.parse("2")))))
    manifest["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": PASSWORD, "value": password})
    return place.start([model], manifest)


def ready(place: Workplace, root: Path, redis: Redis) -> RunningTriton:
    running = begun(place, root, redis)
    eventually(running.ready, "Triton is ready")
    place.look()
    return running


def doubled(triton: RunningTriton, number: float) -> list[float]:
    body = {"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, 2], "data": [number, number]}]}
    url = f"http://{LOOPBACK}:{triton.prepared.ports.http}/v2/models/doubling/infer"
    with urllib.request.urlopen(url, json.dumps(body).encode()) as answer:
        return json.load(answer)["outputs"][0]["data"]


def hits(triton: RunningTriton) -> float:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{triton.prepared.ports.metrics}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("nv_cache_num_hits_per_model{"))


def test_what_one_server_kept_another_gives_and_a_redis_that_comes_back_is_used_again(
    redis: Redis, place: Workplace, tmp_path: Path
) -> None:
    first, second = ready(place, tmp_path, redis), ready(place, tmp_path, redis)
    assert doubled(first, 3) == doubled(second, 3) == [6, 6]
    assert (redis.says("dbsize"), hits(first), hits(second)) == ("1", 0, 1)
    redis.end()
    assert doubled(first, 3) == [6, 6]
    redis.start()
    assert doubled(first, 3) == doubled(first, 3) == [6, 6]
    assert (redis.says("dbsize"), hits(first)) == ("1", 1)


def test_a_full_redis_costs_no_answer(redis: Redis, place: Workplace, tmp_path: Path) -> None:
    triton = ready(place, tmp_path, redis)
    redis.says("config", "set", "maxmemory", "1")
    assert doubled(triton, 4) == [8, 8]
    assert redis.says("dbsize") == "0"


def test_a_server_ends_where_the_redis_refuses_its_password_and_says_so(
    redis: Redis, place: Workplace, tmp_path: Path
) -> None:
    triton = begun(place, tmp_path, redis, password="another")
    with suppress(CannotServeError):
        eventually(triton.ready, "it ends")
    assert triton.ended()
    assert any("WRONGPASS" in line for line in place.log)
