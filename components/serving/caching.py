"""What Triton's container needs for its response cache: the password of a Redis, and who signed its certificate."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    KeyToPathArgs,
    SecretKeySelectorArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from planning.caching import AUTHORITY, AUTHORITY_FILE, PASSWORD
from planning.settings.caching import RedisCache, ResponseCache

_VOLUME = "redis-authority"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInPod:
    volumes: tuple[VolumeArgs, ...] = ()
    mounts: tuple[VolumeMountArgs, ...] = ()
    env: tuple[EnvVarArgs, ...] = ()


def cache_in_pod(cache: ResponseCache | None) -> CacheInPod:
    """Nothing, for no cache and for one in the server's own memory."""
    if not isinstance(cache, RedisCache):
        return CacheInPod()
    env: tuple[EnvVarArgs, ...] = ()
    if cache.credentials is not None:
        key = SecretKeySelectorArgs(name=cache.credentials, key=PASSWORD)
        env = (EnvVarArgs(name=PASSWORD, value_from=EnvVarSourceArgs(secret_key_ref=key)),)
    if cache.tls is None:
        return CacheInPod(env=env)
    authority = ConfigMapVolumeSourceArgs(
        name=cache.tls.authority, items=[KeyToPathArgs(key=AUTHORITY_FILE, path=AUTHORITY_FILE)]
    )
    return CacheInPod(
        volumes=(VolumeArgs(name=_VOLUME, config_map=authority),),
        mounts=(VolumeMountArgs(name=_VOLUME, mount_path=AUTHORITY, read_only=True),),
        env=env,
    )
