"""A response cache is what Triton's own implementations take, and nobody but the server reaches its Redis."""

from __future__ import annotations

import pytest

from planning.caching import PASSWORD
from planning.network import Network, Pods
from planning.server import PlannedServer
from planning.settings.quantities import Memory
from tests.unit.planning.world import CACHED, Raw, planned_with, vision

REDIS: Raw = {"kind": "redis", "host": "redis.cache.svc", "reached": {"kind": "pods", "namespace": "cache"}}
BY_NETWORK: Raw = {**REDIS, "reached": {"kind": "networks", "networks": ["10.9.0.8/32"]}, "port": 6380}
WHOLE: Raw = {
    **REDIS,
    "user": "triton",
    "credentials": "redis-password",
    "tls": {"authority": "redis-authority"},
}


def with_cache(cache: Raw | None) -> PlannedServer:
    return vision(planned_with({"servers.vision.models": [CACHED], "servers.vision.response_cache": cache}))


def configured(server: PlannedServer) -> list[str]:
    return [each.value.value for each in server.arguments if each.name == "cache-config"]


def test_a_server_without_a_cache_says_nothing_of_one() -> None:
    assert configured(with_cache(None)) == []


def test_a_cache_in_memory_is_counted_in_the_servers_memory() -> None:
    plain, cached = with_cache(None), with_cache({"kind": "local", "size": "64Mi"})
    assert configured(cached) == [f"local,size={64 * 2**20}"]
    assert cached.needs.host.most - plain.needs.host.most == 64 * 2**20


def test_a_redis_is_never_waited_for_without_end_nor_through_one_connection() -> None:
    stated = dict(each.removeprefix("redis,").split("=") for each in configured(with_cache(REDIS)))
    assert (stated["host"], stated["port"]) == ("redis.cache.svc", "6379")
    assert all(0 < int(stated[f"{each}_timeout"]) <= 100 for each in ("connect", "socket", "wait"))
    assert int(stated["pool_size"]) > 1
    assert {"user", "tls_enabled", "cacert"} & stated.keys() == set()


def test_a_password_is_in_no_flag_and_its_secret_is_one_that_the_pods_read() -> None:
    server = with_cache(WHOLE)
    assert server.secrets[-1] == "redis-password"
    assert not any("password" in each or PASSWORD in each for each in configured(server))
    assert "redis,tls_enabled=true" in configured(server)
    assert "redis,user=triton" in configured(server)
    assert not any(each.startswith(("redis,cert=", "redis,key=")) for each in configured(server))


def test_a_certificate_of_its_own_is_a_secret_that_the_pods_read_and_both_its_files_are_named() -> None:
    server = with_cache({**WHOLE, "tls": {"authority": "redis-authority", "certificate": "triton-at-redis"}})
    assert server.secrets[-2:] == ("redis-password", "triton-at-redis")
    stated = dict(each.removeprefix("redis,").split("=") for each in configured(server))
    assert (stated["cert"], stated["key"]) == ("/etc/redis-client/tls.crt", "/etc/redis-client/tls.key")


@pytest.mark.parametrize(
    ("cache", "peer", "port"),
    [(REDIS, Pods(namespace="cache"), 6379), (BY_NETWORK, Network(cidr="10.9.0.8/32"), 6380)],
)
def test_pods_may_go_to_the_redis_on_its_port_and_nowhere_else_for_it(cache: Raw, peer: object, port: int) -> None:
    more = [each for each in with_cache(cache).network if each not in with_cache(None).network]
    assert [(each.direction, each.peers, each.ports) for each in more] == [("out", (peer,), (("TCP", port),))]


def test_sizes_are_those_that_were_written() -> None:
    server = with_cache({"kind": "local", "size": "1Gi"})
    assert configured(server) == [f"local,size={Memory.parse('1Gi').bytes}"]
