"""What Triton's container needs for its response cache: the password of a Redis, who signed its certificate, and
Triton's own."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    KeyToPathArgs,
    SecretKeySelectorArgs,
    SecretVolumeSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from planning.caching import AUTHORITY, AUTHORITY_FILE, CLIENT, CLIENT_FILES, PASSWORD
from planning.settings.caching import RedisCache, ResponseCache

_AUTHORITY = "redis-authority"
_CLIENT = "redis-client"


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
    volumes = [VolumeArgs(name=_AUTHORITY, config_map=authority)]
    mounts = [VolumeMountArgs(name=_AUTHORITY, mount_path=AUTHORITY, read_only=True)]
    if cache.tls.certificate is not None:
        own = SecretVolumeSourceArgs(
            secret_name=cache.tls.certificate,
            items=[KeyToPathArgs(key=file, path=file) for file in CLIENT_FILES.values()],
        )
        volumes.append(VolumeArgs(name=_CLIENT, secret=own))
        mounts.append(VolumeMountArgs(name=_CLIENT, mount_path=CLIENT, read_only=True))
    return CacheInPod(volumes=tuple(volumes), mounts=tuple(mounts), env=env)
