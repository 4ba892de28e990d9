"""Instance groups, as Triton's core decides them."""

from __future__ import annotations

from dataclasses import replace

from tests.preflight.backend_models import edited, tensorrt
from tests.preflight.core_models import plain, python
from tests.preflight.seeds import Core, Ours, Seed

PROFILES = {
    "max": "no number",
    "-1": "below any",
    "": "empty",
    "١": "a digit of another script",
    "2147483648": "beyond counting",
}

INSTANCES: list[Seed] = [
    plain(
        "a CPU with a GPU",
        "TU223",
        "gpus",
        "kind: KIND_CPU",
        "kind: KIND_CPU gpus: [ 0 ]",
        "KIND_CPU",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain(
        "a model's own placement with a GPU",
        "TU223",
        "gpus",
        "kind: KIND_MODEL",
        "kind: KIND_MODEL gpus: [ 0 ]",
        "KIND_MODEL",
        more="instance_group { kind: KIND_MODEL }\n",
    ),
    plain(
        "a profile without TensorRT",
        "TU223",
        "profile",
        "kind: KIND_CPU",
        'kind: KIND_CPU profile: [ "0" ]',
        "python",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    *(
        edited(
            f"a profile that is {what}",
            Core(),
            "TU223",
            "profile",
            tensorrt('instance_group { profile: [ "0" ] }\n'),
            '"0"',
            f'"{profile}"',
            f"'{profile}'",
        )
        for profile, what in PROFILES.items()
    ),
    plain(
        "a negative GPU",
        "TU223",
        "gpus",
        "kind: KIND_CPU",
        "kind: KIND_GPU gpus: [ -1 ]",
        "-1",
        more="instance_group { kind: KIND_CPU }\n",
    ),
    plain(
        "fewer than no instances",
        "TU223",
        "count",
        "count: 1",
        "count: -1",
        "-1",
        more="instance_group { kind: KIND_CPU count: 1 }\n",
        judge=Ours("Triton takes it for one instance, which is hardly what was meant"),
    ),
]

ON_A_CPU: list[Seed] = [
    replace(seed, gpus=0)
    for seed in (
        plain(
            "a GPU group on a server without",
            "TU223",
            "kind",
            "KIND_CPU",
            "KIND_GPU",
            "KIND_GPU",
            more="instance_group { kind: KIND_CPU }\n",
        ),
        plain(
            "a GPU on a server without",
            "TU223",
            "gpus",
            "count: 1",
            "count: 1 gpus: [ 0 ]",
            "GPU 0",
            more="instance_group { count: 1 }\n",
        ),
        plain(
            "a second GPU on a server without",
            "TU223",
            "kind",
            "kind: KIND_CPU",
            "kind: KIND_GPU gpus: [ 1 ]",
            "KIND_GPU",
            more="instance_group { kind: KIND_CPU }\n",
        ),
    )
]
"""Instance groups on a server without a GPU, which the judge is."""

SEEDS = [*INSTANCES, *ON_A_CPU]

HEALTHY = {
    "instances": python(more='instance_group [ { kind: KIND_CPU count: 2 }, { kind: KIND_CPU name: "b" } ]\n'),
    "a host policy": python(more='instance_group [ { kind: KIND_CPU host_policy: "numa_0" } ]\n'),
    "a rate limiter": python(
        more="instance_group [ { kind: KIND_CPU"
        ' rate_limiter { resources [ { name: "R1" count: 4 } ] priority: 2 } } ]\n'
    ),
}
