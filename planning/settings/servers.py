"""Inference servers: what each serves, on what, how many, and what is promised for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from planning.settings.base import Strict
from planning.settings.caching import ResponseCache
from planning.settings.quantities import Cpu, Duration, Memory
from planning.settings.scalars import (
    CidrBlock,
    Distinct,
    ImageDigest,
    Labels,
    ModelName,
    Name,
    Namespace,
    TritonReleaseName,
)


class NoGpu(Strict):
    """The server runs on the processor alone."""

    kind: Literal["none"]


class NvidiaGpu(Strict):
    """The server runs on NVIDIA GPUs of the pools named."""

    kind: Literal["nvidia"]
    pools: Annotated[list[Name], Field(min_length=1), Distinct()]
    """Where the server may run. On-demand pools carry its floor, spot pools the rest."""
    count: Annotated[int, Field(ge=1, le=16)] = 1
    """GPUs of one pod. On pools whose GPUs are shared by time-slicing or MPS: 1, a share."""
    memory: Memory | None = None
    """GPU memory that the server was measured to need, on each GPU. It replaces the plan's estimate."""


ServerGpu = Annotated[NoGpu | NvidiaGpu, Field(discriminator="kind")]


class Replicas(Strict):
    """One statement, from which lanes, the disruption budget, spread, rollout and scaling follow."""

    floor: Annotated[int, Field(ge=1)]
    """As many always serve, on capacity that is not reclaimed."""
    ceiling: Annotated[int, Field(ge=1)]
    """As many at the most, all lanes together. Equal to the floor: the server is not scaled."""
    headroom: Annotated[int, Field(ge=0)] = 0
    """Places kept free for further pods, on nodes that are there already. They cost what pods cost, and save a new pod
    the wait for a node."""


class Caller(Strict):
    """Pods that may send requests."""

    namespace: Namespace
    pods: Labels = {}
    """Labels that the calling pods carry; left out, every pod of the namespace."""


class InsideCluster(Strict):
    """Pods of the cluster call the server."""

    kind: Literal["cluster"]
    callers: Annotated[list[Caller], Field(min_length=1)]
    networks: Annotated[list[CidrBlock], Distinct()] = []
    """Machines that call by routes of their own, without a load balancer, and pods in the network of their node. Who
    calls a Service from outside of the pods' network is seen with the address of the node that passes it on."""


class InternalNetwork(Strict):
    """Machines of the cloud network call the server through an internal load balancer."""

    kind: Literal["internal"]
    networks: Annotated[list[CidrBlock], Field(min_length=1), Distinct()]
    callers: list[Caller] = []


class Public(Strict):
    """The internet calls the server through a public load balancer, from these networks alone. Triton asks
    for no credentials, so the networks are its only guard."""

    kind: Literal["public"]
    networks: Annotated[list[CidrBlock], Field(min_length=1), Distinct()]
    callers: list[Caller] = []


Exposure = Annotated[InsideCluster | InternalNetwork | Public, Field(discriminator="kind")]


class Latency(Strict):
    percentile: Annotated[float, Field(gt=0, lt=100)]
    within: Duration


class Slo(Strict):
    """What callers are promised."""

    latency: Latency | None = None
    availability: Annotated[float, Field(gt=0, lt=100)] | None = None
    """Percent of requests answered, over 30 days."""


LONGEST_SCALE_IN_WAIT = Duration.of_seconds(3600)
"""The API server refuses a longer stabilizationWindowSeconds (autoscaling/v2, HPAScalingRules: 0 to 3600)."""


def _scale_in_wait(wait: Duration) -> Duration:
    if wait > LONGEST_SCALE_IN_WAIT:
        raise ValueError(f"is more than the {LONGEST_SCALE_IN_WAIT} that a HorizontalPodAutoscaler can wait")
    return wait


class Scaling(Strict):
    """How the replicas follow the load, between floor and ceiling."""

    pending_requests: Annotated[int, Field(ge=1)] | None = None
    """Requests waiting in Triton's queues, per pod, above which pods are added. Left out, it is planned from
    the models' instances and batches."""
    scale_in_after: Annotated[Duration, AfterValidator(_scale_in_wait)] = Duration.of_seconds(600)
    """How long the need must have been lower before a pod is taken away: a GPU node takes minutes to
    return."""


class Resources(Strict):
    """Of one pod. Memory and processors are requested and limited alike."""

    cpu: Cpu
    memory: Memory
    shared_memory: Memory | None = None
    """Size of /dev/shm, counted inside `memory`. Left out, it is planned from the Python models."""
    scratch: Memory | None = None
    """Size of /tmp, the only place on disk that the server may write to. Left out, it is planned from the models."""


class DrainSettings(Strict):
    """How a pod leaves. All timings follow from the slowest request and the pools' notice."""

    slowest_request: Duration = Duration.of_seconds(10)
    """The longest that an accepted request may take, waiting included."""


class Start(Strict):
    model_load: Duration | None = None
    """The longest that loading all models was measured to take. It replaces the plan's estimate."""


class CustomImage(Strict):
    """An image of yours instead of the one that the release's lock entry names."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+$")]
    digest: ImageDigest


class Triton(Strict):
    """An NVIDIA Triton Inference Server."""

    kind: Literal["triton"]
    release: TritonReleaseName
    """NVIDIA's release, which fixes CUDA, TensorRT, ONNX Runtime and the server's flags."""
    image: CustomImage | None = None
    models: Annotated[list[ModelName], Field(min_length=1), Distinct()]
    """Models of the repository to serve. Steps of an ensemble come along by themselves."""
    gpu: ServerGpu
    replicas: Replicas
    exposure: Exposure
    slo: Slo = Slo()
    scaling: Scaling = Scaling()
    resources: Resources
    response_cache: ResponseCache | None = None
    """Where answers are kept for requests that come again. Only models whose config enables `response_cache`
    use it."""
    drain: DrainSettings = DrainSettings()
    start: Start = Start()


Server = Triton
"""One kind today. vLLM and Ollama join as members of a union discriminated by `kind`."""
