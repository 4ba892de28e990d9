"""A pod whose answers are kept in a Redis has every file and variable that its flags and Triton's library look for."""

from __future__ import annotations

import functools
from pathlib import PurePosixPath
from typing import Any

from pod_security import violations
from rendered_stack import Body, changed_stack, container_of, pod_of

REDIS = {
    "kind": "redis",
    "host": "redis.cache.svc",
    "reached": {"kind": "pods", "namespace": "cache"},
    "credentials": "redis-password",
    "tls": {"authority": "redis-authority", "certificate": "triton-at-redis"},
}


@functools.cache
def deployment(*, without: str | None = None) -> Body:
    """Of the server `text` of stack `dev`."""

    def edit(raw: dict[str, Any]) -> None:
        tls = {key: value for key, value in REDIS["tls"].items() if key != without}
        raw["servers"]["text"]["response_cache"] = {**REDIS, "tls": tls}

    stack = changed_stack("dev", edit)
    return next(one.body for one in stack.of("Deployment") if one.body["metadata"]["name"].startswith("text"))


def files(body: Body) -> dict[str, dict[str, Any]]:
    """What is mounted where, by the path of each file that a volume says it has."""
    volumes = {volume["name"]: volume for volume in pod_of(body)["volumes"]}
    return {
        f"{mount['mountPath']}/{item['path']}": source
        for mount in container_of(body)["volumeMounts"]
        for source in [volumes[mount["name"]].get("secret") or volumes[mount["name"]].get("configMap") or {}]
        for item in source.get("items", ())
    }


def named(body: Body) -> dict[str, str]:
    """The files that the cache's flags name, by their keys."""
    told = [one.removeprefix("--cache-config=redis,") for one in container_of(body)["args"] if "=redis," in one]
    stated = dict(one.split("=", 1) for one in told)
    return {key: value for key, value in stated.items() if PurePosixPath(value).is_absolute()}


def test_the_files_that_the_flags_name_are_mounted_from_what_the_user_made(assembled_models: None) -> None:
    body = deployment()
    assert named(body).keys() == {"cacert", "cert", "key"}
    there = files(body)
    sources = {key: there[path].get("secretName") or there[path].get("name") for key, path in named(body).items()}
    assert sources == {"cacert": "redis-authority", "cert": "triton-at-redis", "key": "triton-at-redis"}
    template = body["spec"]["template"]
    assert violations(template["metadata"], template["spec"]) == []


def test_the_password_is_a_variable_from_its_secret_and_in_no_flag(assembled_models: None) -> None:
    container = container_of(deployment())
    (password,) = [one for one in container["env"] if one["name"] == "TRITONCACHE_REDIS_PASSWORD"]
    assert password["valueFrom"]["secretKeyRef"] == {
        "name": "redis-password",
        "key": "TRITONCACHE_REDIS_PASSWORD",
    }
    assert not any("password" in one.lower() for one in container["args"])


def test_without_a_certificate_of_its_own_none_is_named_or_mounted(assembled_models: None) -> None:
    body = deployment(without="certificate")
    assert named(body).keys() == {"cacert"}
    assert not any(path.startswith("/etc/redis-client") for path in files(body))
