"""What Triton's dynamic batcher makes of requests: a simulation of its rules, driven by the times of their arrival.

The rules are those of triton-inference-server/core at 73aad7c (June 2026), src/dynamic_batch_scheduler.cc,
src/instance_queue.cc and src/rate_limiter.cc, alike in r24.10:

- A batch that no instance has begun yet goes on growing up to `max_batch_size`, because the batcher prefetches up to
  two for each instance: an instance that becomes free takes as many requests as wait, and fit.
- With `max_queue_delay_microseconds` a batch that is not full waits for company, counted from its oldest request.
- A queue with priorities, time-outs or a greatest size does not prefetch. Its batcher forms a batch only when an
  instance waits for one, and it notices that at the next arrival, or at a poll of 500 ms.

Left out are `preferred_batch_size`, priorities themselves, and rejected requests.

Before the batcher stands the door: the server's front end and the client, which pass on one request at a time. On a
GPU it is seldom the narrowest place; for a small model on a processor it is.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planning.profiles.service import Batching, Curve, Service

POLL_S = 0.5
"""`default_wait_microseconds` of DynamicBatchScheduler::BatcherThread."""

Seconds = NDArray[np.float64]


def saturation(batching: Batching, service: Service) -> float:
    """Requests a second that cannot be exceeded."""
    executing = batching.instances * batching.greatest / max(1e-9, service.curve.seconds(batching.greatest))
    return executing if service.door <= 0 else min(executing, 1 / service.door)


def simulate(arrivals: Sequence[float] | Seconds, batching: Batching, service: Service, seed: int = 0) -> Seconds:
    """The latency of each request, in seconds, in the order of `arrivals` (seconds, ascending)."""
    sent = np.asarray(arrivals, dtype=np.float64)
    if not sent.size:
        return sent
    random = np.random.default_rng(seed)
    noise = np.asarray(service.noise, dtype=np.float64)
    came = _through_the_door(sent, service.door)
    ready = _served(came, batching, service.curve, random.choice(noise, sent.size) * service.noise_in_service)
    apart = random.choice(noise, sent.size) * (1 - service.noise_in_service)
    # A request that was lucky is not quicker than one that waits for nothing and is alone in its batch.
    least = np.maximum(service.outside + apart, 0.0)
    return ready - sent + least


def _through_the_door(sent: Seconds, door: float) -> Seconds:
    if door <= 0:
        return sent
    # Each leaves `door` after it came or after the one before it left, whichever is later.
    ahead = door * np.arange(sent.size)
    passed: Seconds = np.asarray(np.maximum.accumulate(sent - ahead) + ahead + door, dtype=np.float64)
    return passed


def _served(came: Seconds, batching: Batching, curve: Curve, noise: Seconds) -> Seconds:
    times = came.tolist()
    extra = noise.tolist()
    ready = np.empty_like(came)
    free = [0.0] * batching.instances
    count, first, batches, polled = len(times), 0, 0, 0.0
    while first < count:
        idle = heapq.heappop(free)
        oldest = times[first]
        start = max(idle, oldest)
        if not batching.prefetches and batching.greatest > 1 and idle > oldest:
            start = _noticed(times, idle, polled)
        if batching.delay > 0 and batching.greatest > 1:
            last = first + batching.greatest - 1
            full = times[last] if last < count else float("inf")
            start = max(start, min(oldest + batching.delay, full))
        end = min(first + batching.greatest, bisect_right(times, start, first))
        took = curve.seconds(end - first)
        # An execution is not done before a fifth of its time, however good its luck.
        done = start + max(0.2 * took, took + extra[batches])
        ready[first:end] = done
        heapq.heappush(free, done)
        first, batches, polled = end, batches + 1, start
    return ready


def _noticed(times: Sequence[float], idle: float, since: float) -> float:
    """When a batcher that does not prefetch sees an instance that became idle: at the next arrival or poll."""
    following = bisect_right(times, idle)
    arrival = times[following] if following < len(times) else float("inf")
    poll = since + POLL_S * (int((idle - since) / POLL_S) + 1)
    return min(arrival, poll)
