"""Triton's response cache (server docs, response_cache.md): its flags, its password, and whom it serves.

The Redis implementation (triton-inference-server/redis_cache, README.md and src/redis_cache.cc, at 9ea3f3d of 2025-11;
TLS and the variable of the password are there since r23.07) has no defaults that one can serve with: it waits for ever
for a Redis that does not answer, and has one connection for all requests. What it does with these flags was tried
(docs/how-to/response-cache.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planning.arguments import Argument
from planning.derived import Derived
from planning.findings import Finding, Rule, Severity, setting
from planning.repository.model import Model
from planning.settings.caching import LocalCache, RedisCache, ResponseCache
from planning.settings.quantities import Cpu
from planning.settings.servers import Triton

CACHE_AGREES = Rule("TU129", Severity.WARNING, "A server has a response cache where its models ask for one")
PASSWORD_IN_CLEAR = Rule("TU130", Severity.WARNING, "A Redis's password travels encrypted")

PASSWORD = "TRITONCACHE_REDIS_PASSWORD"  # noqa: S105 - the name of a variable
"""PASSWORD_ENV_VAR_NAME in redis_cache's src/redis_cache.h."""

AUTHORITY = "/etc/redis-authority"
"""Where the ConfigMap with the authority's certificate is mounted in Triton's container."""

AUTHORITY_FILE = "ca.crt"

CLIENT = "/etc/redis-client"
"""Where the Secret with Triton's own certificate is mounted, whose type names its files."""

CLIENT_FILES = {"cert": "tls.crt", "key": "tls.key"}

ANSWERS_WITHIN_MS = 100
"""How long each step waits for a Redis: the look before the model is run, the keeping after it, and either for a
connection of the pool.

A choice of ours. Both steps are taken by threads that other requests need: the first by those that take requests and
answer probes, the second by the model's instance. Where a Redis took connections and answered nothing, 500 ms left one
instance 2.6 requests a second and made a probe wait for 5.5 s, and 100 ms left it 10 and 0.9 s. At 20 ms, a Redis that
was well was given up now and then on a busy machine (measured 2026-11-28, Triton 24.10)."""


def plan_cache(cache: ResponseCache | None, cpu: Cpu) -> tuple[Argument, ...]:
    """Triton's flags for it; `cpu` are the server's."""
    match cache:
        case None:
            return ()
        case LocalCache(size=size):
            return (_config("local", "size", Derived(str(size.bytes), "response_cache.size says so")),)
        case RedisCache():
            return tuple(_config("redis", key, value) for key, value in _redis(cache, cpu))


def secrets_of(cache: ResponseCache | None) -> tuple[str, ...]:
    """The names of the Secrets that pods with it read."""
    if not isinstance(cache, RedisCache):
        return ()
    named = (cache.credentials, cache.tls.certificate if cache.tls is not None else None)
    return tuple(name for name in named if name is not None)


def _redis(cache: RedisCache, cpu: Cpu) -> Iterator[tuple[str, Derived[str]]]:
    stated = "response_cache says so"
    waits = Derived(str(ANSWERS_WITHIN_MS), "milliseconds; Triton would wait for ever for a Redis that does not answer")
    yield "host", Derived(cache.host, stated)
    yield "port", Derived(str(cache.port), stated)
    if cache.user is not None:
        yield "user", Derived(cache.user, stated)
    yield "connect_timeout", waits
    yield "socket_timeout", waits
    connections = max(2, -(-cpu.millis // 1000))
    yield "wait_timeout", Derived(str(ANSWERS_WITHIN_MS), "milliseconds for a free connection; Triton's own are 1000")
    yield "pool_size", Derived(str(connections), "a connection for each processor; with one, requests wait in a row")
    if cache.tls is not None:
        yield "tls_enabled", Derived("true", "response_cache.tls says so")
        yield (
            "cacert",
            Derived(f"{AUTHORITY}/{AUTHORITY_FILE}", f"the ConfigMap {cache.tls.authority} is mounted there"),
        )
        yield "sni", Derived(cache.host, "a Redis behind a proxy is found by it")
        if (own := cache.tls.certificate) is not None:
            for key, file in CLIENT_FILES.items():
                yield key, Derived(f"{CLIENT}/{file}", f"the Secret {own} is mounted there")


def _config(implementation: str, key: str, value: Derived[str]) -> Argument:
    return Argument("cache-config", Derived(f"{implementation},{key}={value.value}", value.because))


def check_cache(name: str, server: Triton, models: Sequence[Model]) -> Iterator[Finding]:
    """`models`: those that it serves, with the steps of ensembles."""
    cached = [model.name for model in models if model.config.response_cache.enable]
    cache = server.response_cache
    if cache is None and cached:
        yield Finding(
            rule=CACHE_AGREES,
            at=setting(f"servers.{name}.response_cache"),
            what=f"is left out, and {cached[0]!r} enables response_cache: Triton warns, and caches nothing.",
            fix="Write `{kind: local, size: 256Mi}`, or leave response_cache out of the model's config.",
        )
    if cache is not None and not cached:
        yield Finding(
            rule=CACHE_AGREES,
            at=setting(f"servers.{name}.response_cache"),
            what=f"is of kind {cache.kind!r}, and none of its models enables response_cache: nothing is ever in it.",
            fix="Leave it out, or write `response_cache { enable: true }` into the config of a model.",
        )
    if isinstance(cache, RedisCache) and cache.credentials is not None and cache.tls is None:
        yield Finding(
            rule=PASSWORD_IN_CLEAR,
            at=setting(f"servers.{name}.response_cache.tls"),
            what=f"is left out: the password of {cache.credentials!r} and all answers travel in clear.",
            fix="Write `tls: {authority: CONFIGMAP}`, or accept the rule where the network itself is encrypted.",
        )
