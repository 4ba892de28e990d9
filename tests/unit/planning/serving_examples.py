"""The rules of memory, scaling, draining, security and the cluster (TU4xx to TU9xx)."""

from __future__ import annotations

from tests.unit.planning.rule_examples import (
    ALONE,
    BEHIND,
    LATENCY,
    LOCAL,
    ON_GKE,
    VISION,
    Example,
    accepting,
    says,
    write,
)
from tests.unit.planning.world import COUNTED, FETCHED, GKE, MINIO, OLDER, OUTDATED, RANKED, SIGNING, WAITING

GIB = 2**30

PUBLIC = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEktX6imASAuvuZegio/vjqeoe/kQW
n0mikyYNPYSpod5F9+1S6cI2cqiTs8eMOLgXYxFIqYdfetzcJ01WrGkuqQ==
-----END PUBLIC KEY-----
"""
NEXT = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+GE6uWfj/V4RFqQs6VQaklpJQqKS
JM/0EOYfYc6EvH0qfwlTYQMEKnVaIn6tWV/DbhM12CsXLoOQpq9pnoBAxg==
-----END PUBLIC KEY-----
"""
FINGERPRINT = "d1cf66322959f030523bea4ea45f2424c66ed26fc63f4ca57ddd63ccea9c852e"
"""Of `PUBLIC`."""

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUd2hvIHNpZ25lZCBubyBjZXJ0aWZpY2F0ZTAKBggqhkjO
PQQDAjAVMRMwEQYDVQQDDAptb25pdG9yaW5nMB4XDTI2MTEyODAwMDAwMFowDQYJ
-----END CERTIFICATE-----
"""
"""In the form of one, of nobody."""

UNPUSHED = {"accept": [*accepting("TU703")["accept"], *accepting("TU705")["accept"]]}
"""What a stack on this machine lives with."""

EXAMPLES = (
    Example(
        rule="TU401",
        breaks={**ALONE, "gpu_pools.steady.gpu": "nvidia-t4"},
        at=f"{VISION}.gpu.pools",
        words=("'steady'", "nvidia-t4", "digits"),
        remedy=write({"gpu_pools.steady.gpu": "nvidia-l40s"}),
        weights=16 * GIB,
        beside=("TU402",),
    ),
    Example(
        rule="TU401",
        breaks={**ALONE, f"{VISION}.gpu.memory": "30Gi"},
        at=f"{VISION}.gpu.memory",
        words=("30 GiB", "measured", "'steady'"),
        remedy=write({"gpu_pools.steady.gpu": "nvidia-l40s"}),
    ),
    Example(
        rule="TU402",
        breaks={**FETCHED, "model_repository.destination.delivery": {"kind": "fetched", "onto": "memory"}},
        at=f"{VISION}.resources.memory",
        words=("4Gi", "models in memory 1.8 GiB"),
        remedy=says(f"{VISION}.resources.memory", r"Write (\w+) or more"),
        weights=1800 * 2**20,
    ),
    Example(
        rule="TU402",
        breaks={f"{VISION}.resources.memory": "512Mi"},
        at=f"{VISION}.resources.memory",
        words=("512Mi", "pinned pool"),
        remedy=says(f"{VISION}.resources.memory", r"Write (\w+) or more"),
    ),
    Example(
        rule="TU501",
        breaks={f"{VISION}.models": ["digits", WAITING], **LATENCY},
        at=f"{VISION}.slo.latency.within",
        words=("20ms", "30 ms", f"'{WAITING}'"),
        remedy=write({f"{VISION}.slo.latency.within": "60ms"}),
    ),
    Example(
        rule="TU502",
        breaks={f"{VISION}.models": ["digits", RANKED], **LATENCY},
        at=f"{VISION}.slo.latency.within",
        words=("20ms", "500 ms", f"'{RANKED}'"),
        remedy=write({f"{VISION}.slo.latency.within": "500ms"}),
    ),
    Example(
        rule="TU503",
        breaks={f"{VISION}.models": ["digits", OUTDATED]},
        at=f"{VISION}.models",
        words=("'outdated'", "profile.nvidia-l4.json", "2026-11-27", "000000000000"),
        remedy=write({f"{VISION}.models": ["digits"]}),
    ),
    Example(
        rule="TU504",
        breaks={f"{VISION}.models": ["digits", OLDER]},
        at=f"{VISION}.release",
        words=("'26.08'", "'26.07'", "'older'"),
        remedy=write({f"{VISION}.release": "26.07"}),
    ),
    Example(
        rule="TU505",
        breaks={f"{VISION}.models": ["digits", COUNTED]},
        at=f"{VISION}.models",
        words=("'counted'", "profile.nvidia-l4.json", "with 3 instance", "makes 1"),
        remedy=write({f"{VISION}.models": ["digits"]}),
    ),
    Example(
        rule="TU601",
        breaks={f"{VISION}.drain.slowest_request": "20s"},
        at=f"{VISION}.drain.slowest_request",
        words=("20 s", "'cheap'", "30 s"),
        remedy=says(f"{VISION}.drain.slowest_request", r"Allow at most (\d+) s", lambda seconds: f"{seconds}s"),
    ),
    Example(
        rule="TU602",
        breaks={**ON_GKE, "cluster.spot_notice": "110s"},
        at="cluster.spot_notice",
        words=("110s", "GKE"),
        remedy=says("cluster.spot_notice", r"Write at most (\w+)"),
    ),
    Example(
        rule="TU602",
        breaks={**ON_GKE, "cluster": BEHIND | {"cluster": GKE | {"spot_notice": "3m"}}},
        at="cluster.cluster.spot_notice",
        words=("3m", "GKE"),
        remedy=says("cluster.cluster.spot_notice", r"Write at most (\w+)"),
    ),
    Example(
        rule="TU603",
        breaks={**LATENCY, f"{VISION}.slo.latency.within": "15s"},
        at=f"{VISION}.drain.slowest_request",
        words=("10s", "15s"),
        remedy=says(f"{VISION}.drain.slowest_request", r"Write (\w+) or more"),
    ),
    Example(
        rule="TU604",
        breaks={f"{VISION}.drain.slowest_request": "17s"},
        at=f"{VISION}.drain.slowest_request",
        words=("17 s", "'cheap'", "30 s"),
        remedy=says(f"{VISION}.drain.slowest_request", r"Allow at most (\d+) s", lambda seconds: f"{seconds}s"),
    ),
    Example(
        rule="TU701",
        breaks={f"{VISION}.release": "26.09"},
        at=f"{VISION}.release",
        words=("triton:26.09-py3", "tritonup images update"),
        remedy=says(f"{VISION}.release", r"confirmed release: ([\d.]+),"),
    ),
    Example(
        rule="TU702",
        breaks={
            f"{VISION}.release": "26.06",
            f"{VISION}.image": {"repository": "a.example/b", "digest": f"sha256:{'1' * 64}"},
        },
        at=f"{VISION}.release",
        words=("'26.06'", "'26.07'"),
        remedy=says(f"{VISION}.release", r"Write '([\d.]+)'"),
    ),
    Example(
        rule="TU703",
        breaks={**LOCAL, **accepting("TU705")},
        at=f"{VISION}.release",
        words=("'24.10'",),
        remedy=says(f"{VISION}.release", r"Write '([\d.]+)'"),
    ),
    Example(
        rule="TU704",
        breaks={f"{VISION}.release": "26.12"},
        at=f"{VISION}.release",
        words=("'26.12'",),
        remedy=says(f"{VISION}.release", r"(26\.08)"),
    ),
    Example(
        rule="TU705",
        breaks={**LOCAL, **accepting("TU703")},
        at=f"{VISION}.release",
        words=("tritonup-triton-cpu:24.10",),
        beside=("TU705",),
        remedy=write(UNPUSHED),
    ),
    Example(
        rule="TU706",
        breaks={f"{VISION}.exposure": {"kind": "public", "networks": ["0.0.0.0/0"]}},
        at=f"{VISION}.exposure.kind",
        words=("0.0.0.0/0", "TLS"),
        remedy=write({f"{VISION}.exposure": {"kind": "internal", "networks": ["10.0.0.0/8"]}}),
    ),
    Example(
        rule="TU707",
        breaks={**FETCHED, "images.registry": None},
        at="images.registry",
        words=("tritonup-programs", "missing"),
        remedy=says("images.registry", r"such as (\S+)\."),
    ),
    Example(
        rule="TU708",
        breaks={
            "images.registry": "registry.example/acme",
            "model_repository.signing": SIGNING,
            "model_repository.destination": {**MINIO, "delivery": {"kind": "fetched"}},
            "security.people": {"ml_engineers": ["ml@example.com"]},
        },
        at="security.people.ml_engineers",
        words=("models-reader", "Deployments"),
        remedy=write({"security.people": {"viewers": ["ml@example.com"]}}),
    ),
    Example(
        rule="TU901",
        breaks={"controllers.prometheus_operator": "none"},
        at="controllers.prometheus_operator",
        words=("PodMonitors",),
        remedy=says("controllers.prometheus_operator", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU901",
        breaks={"controllers.prometheus_adapter": "none"},
        at="controllers.prometheus_adapter",
        words=("scaling", "vision"),
        remedy=says("controllers.prometheus_adapter", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU901",
        breaks={"controllers.nvidia_device_plugin": "none"},
        at="controllers.nvidia_device_plugin",
        words=("GPUs", "vision"),
        remedy=says("controllers.nvidia_device_plugin", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU901",
        breaks={"monitoring": {"kind": "none"}},
        at="monitoring.kind",
        words=("'none'", "scaling", "vision"),
        remedy=says("monitoring.kind", r"Write `([\w-]+)`"),
    ),
    Example(
        rule="TU905",
        breaks={
            "controllers.nvidia_device_plugin": "install",
            "gpu_pools.cheap.gpu": "nvidia-a100-80gb",
            "gpu_pools.cheap.sharing": {"kind": "mig", "profile": "1g.10gb"},
            "servers.vision.resources.cpu": "1",
        },
        at="gpu_pools.cheap.sharing.kind",
        words=("MIG", "cut"),
        remedy=says("gpu_pools.cheap.sharing", r"Write `(\w+)`", lambda kind: {"kind": kind}),
    ),
    Example(
        rule="TU906",
        breaks={**ON_GKE, "controllers.nvidia_device_plugin": "install"},
        at="controllers.nvidia_device_plugin",
        words=("'install'", "GKE runs"),
        remedy=says("controllers.nvidia_device_plugin", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU122",
        breaks={"model_repository.signing": {"trusted": {"ci": PUBLIC}, "revoked": [FINGERPRINT]}},
        at="model_repository.signing.trusted.ci",
        words=("'ci'", FINGERPRINT[:12]),
        remedy=write({"model_repository.signing": {"trusted": {"next": NEXT}, "revoked": [FINGERPRINT]}}),
    ),
    Example(
        rule="TU902",
        breaks={"controllers.keda": "install"},
        at="controllers.keda",
        words=("'install'",),
        remedy=says("controllers.keda", r"write `(\w+)`"),
    ),
    Example(
        rule="TU902",
        breaks={"controllers.karpenter": "install"},
        at="controllers.karpenter",
        words=("'install'", "`eks`"),
        remedy=says("controllers.karpenter", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU902",
        breaks={**LOCAL, **UNPUSHED, "controllers.prometheus_operator": "install"},
        at="controllers.prometheus_operator",
        words=("'install'", "this machine"),
        remedy=says("controllers.prometheus_operator", r"Write `(\w+)`"),
    ),
    Example(
        rule="TU950",
        breaks={"monitoring.prometheus": {"replicas": 2}},
        at="monitoring.prometheus",
        words=("`present`", "no Prometheus"),
        remedy=write({"controllers.prometheus_operator": "install"}),
    ),
    Example(
        rule="TU951",
        breaks={"controllers.prometheus_operator": "install", "monitoring.namespace": "kube-system"},
        at="monitoring.namespace",
        words=("'kube-system'", "closed"),
        remedy=says("monitoring.namespace", r"such as `(\w+)`"),
    ),
    Example(
        rule="TU951",
        breaks={
            "controllers.prometheus_operator": "install",
            "monitoring": {"kind": "none"},
            "servers.vision.replicas": {"floor": 2, "ceiling": 2},
            "servers.vision.gpu.pools": ["steady"],
        },
        at="monitoring.kind",
        words=("'none'", "prometheus_operator"),
        remedy=says("monitoring.kind", r"Write `([\w-]+)`"),
    ),
    Example(
        rule="TU953",
        breaks={"controllers.prometheus_adapter": "install", **accepting("TU954")},
        at="monitoring.url",
        words=("is missing",),
        remedy=says("monitoring.url", r"such as `([^`]+)`"),
    ),
    Example(
        rule="TU953",
        breaks={
            "controllers.prometheus_operator": "install",
            "controllers.prometheus_adapter": "install",
            "monitoring.url": "http://prometheus.elsewhere.svc:9090",
            **accepting("TU954"),
        },
        at="monitoring.url",
        words=("prometheus.elsewhere", "another Prometheus"),
        remedy=write({"controllers.prometheus_operator": "present"}),
    ),
    Example(
        rule="TU954",
        breaks={"controllers.prometheus_operator": "install", "controllers.prometheus_adapter": "install"},
        at="monitoring.certificate.kind",
        words=("'unchecked'", "floor and ceiling"),
        remedy=write({"monitoring.certificate": {"kind": "secret", "name": "serving", "authority": CERTIFICATE}}),
    ),
    Example(
        rule="TU908",
        breaks={
            "gpu_pools.steady.health": {"kind": "drained"},
            "gpu_pools.steady.nodes": {"min": 2, "max": 2},
            "images": {"registry": "registry.example/acme"},
        },
        at="gpu_pools.steady.nodes",
        words=("both 2", "below min"),
        remedy=says("gpu_pools.steady.nodes.max", r"max of (\d+) or more", int),
    ),
    Example(
        rule="TU904",
        breaks={
            "cluster.kubernetes": "1.34",
            "model_repository.destination": {
                "kind": "image",
                "repository": "registry.example/m",
                "digests": {"vision": f"sha256:{'0' * 64}"},
            },
        },
        at="model_repository.destination.kind",
        words=("'image'", "1.35", "1.34"),
        remedy=write({"cluster.kubernetes": "1.35"}),
    ),
)
