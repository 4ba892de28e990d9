"""The simulated batcher keeps Triton's rules and the laws of queues."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measuring.profile.batcher import POLL_S, saturation, simulate
from measuring.profile.search import GREATEST_LOAD, Promise, best, capacity, tail
from planning.profiles.service import Batching, Curve, Service

SERVICE = Service(curve=Curve(a=0.004, b=0.0005))
ALONE = Batching(instances=1, greatest=1)
JOINED = Batching(instances=1, greatest=16)

curves = st.builds(Curve, a=st.floats(1e-4, 0.05), b=st.floats(1e-5, 0.01))
settings_ = st.builds(
    Batching,
    instances=st.integers(1, 4),
    greatest=st.integers(1, 32),
    delay=st.sampled_from([0.0, 0.001, 0.02]),
    prefetches=st.booleans(),
)
times = st.lists(st.floats(0, 2), min_size=1, max_size=60).map(sorted)


def poisson(rate: float, count: int, seed: int = 0) -> list[float]:
    return [float(one) for one in np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))]


@given(curves, settings_, times)
def test_nobody_is_answered_before_an_execution_has_passed_and_all_are(
    curve: Curve, batching: Batching, arrivals: list[float]
) -> None:
    latencies = simulate(arrivals, batching, Service(curve=curve))
    assert len(latencies) == len(arrivals)
    assert float(latencies.min()) >= curve.seconds(1) - 1e-12


@given(curves, settings_, times)
def test_first_come_first_begun(curve: Curve, batching: Batching, arrivals: list[float]) -> None:
    ready = np.asarray(arrivals) + simulate(arrivals, replace(batching, instances=1), Service(curve=curve))
    assert (np.diff(ready) >= -1e-9).all()


@given(curves, st.floats(0, 0.01), settings_)
def test_no_more_is_answered_than_saturation_allows(curve: Curve, door: float, batching: Batching) -> None:
    service = Service(curve=curve, door=door)
    latencies = simulate([0.0] * 400, batching, service)
    assert 400 / float(latencies.max()) <= saturation(batching, service) * 1.0001


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_without_batching_the_mean_wait_is_that_of_pollaczek_and_khinchine(load: float) -> None:
    """M/D/1: the mean wait is load * service / (2 * (1 - load))."""
    service = SERVICE.curve.seconds(1)
    latencies = simulate(poisson(load / service, 150_000), ALONE, SERVICE)
    assert float(latencies.mean()) == pytest.approx(service + load * service / (2 * (1 - load)), rel=0.05)


def test_an_instance_that_becomes_free_takes_all_who_wait_and_fit() -> None:
    service = Service(curve=Curve(a=1.0, b=0.0))
    latencies = simulate([0.0, *([0.5] * 20)], JOINED, service)
    assert latencies.tolist() == pytest.approx([1.0, *([1.5] * 16), *([2.5] * 4)])


def test_a_batch_waits_for_company_no_longer_than_its_delay_and_not_when_it_is_full() -> None:
    service = Service(curve=Curve(a=1.0, b=0.0))
    delayed = Batching(instances=1, greatest=3, delay=0.4)
    assert simulate([0.0], delayed, service).tolist() == pytest.approx([1.4])
    assert simulate([0.0, 0.1, 0.2], delayed, service).tolist() == pytest.approx([1.2, 1.1, 1.0])


def test_a_batcher_that_does_not_prefetch_sees_a_free_instance_at_the_next_arrival_or_poll() -> None:
    service = Service(curve=Curve(a=0.1, b=0.0))
    limited = Batching(instances=1, greatest=2, prefetches=False)
    stalled = simulate([0.0, 0.01], limited, service)
    assert float(stalled[1]) == pytest.approx(POLL_S + 0.1 - 0.01)
    woken = simulate([0.0, 0.01, 0.2], limited, service)
    assert woken.tolist() == pytest.approx([0.1, 0.29, 0.1])


def test_the_door_passes_one_request_at_a_time() -> None:
    service = Service(curve=Curve(a=0.0, b=1e-9), door=0.01)
    latencies = simulate([0.0, 0.0, 0.0, 1.0], Batching(instances=4, greatest=1), service)
    assert latencies.tolist() == pytest.approx([0.01, 0.02, 0.03, 0.01], abs=1e-6)


@given(st.integers(0, 50), st.sampled_from([0.0, 0.5, 1.0]))
def test_noise_adds_nothing_on_average_where_nobody_waits(seed: int, share: float) -> None:
    service = replace(SERVICE, noise=(-0.0005, 0.0005), noise_in_service=share, outside=0.002)
    apart = [10.0 * number for number in range(3000)]
    mean = float(simulate(apart, ALONE, service, seed).mean())
    assert mean == pytest.approx(SERVICE.curve.seconds(1) + 0.002, rel=0.02)


def test_the_same_arguments_give_the_same_latencies() -> None:
    service = replace(SERVICE, noise=(0.0, 0.001), noise_in_service=0.5)
    arrivals = poisson(200, 500)
    assert simulate(arrivals, JOINED, service, 3).tolist() == simulate(arrivals, JOINED, service, 3).tolist()


@given(curves, st.integers(1, 32), st.floats(1.5, 40))
def test_what_a_setting_can_answer_keeps_its_promise_and_its_load(curve: Curve, greatest: int, slack: float) -> None:
    service, batching = Service(curve=curve), Batching(instances=1, greatest=greatest)
    promise = Promise(within=slack * curve.seconds(greatest))
    found = capacity(batching, service, promise)
    if found.rate > 0:
        assert tail(found.rate, batching, service, promise) <= promise.within
        assert found.rate <= GREATEST_LOAD * saturation(batching, service) * 1.0001


def test_where_an_execution_costs_more_than_a_request_batching_is_proposed_and_more_than_doubles() -> None:
    service = Service(curve=Curve(a=0.004, b=0.0001))
    now, chosen = best(ALONE, {1: service}, 32, Promise(within=0.05))
    assert chosen.batching.greatest == 32
    assert chosen.rate > 2 * now.rate


def test_where_batching_saves_nothing_nothing_is_changed() -> None:
    service = Service(curve=Curve(a=0.0, b=0.004))
    now, chosen = best(JOINED, {1: service}, 16, Promise(within=0.2))
    assert chosen == now


def test_instances_are_proposed_where_they_were_measured_to_help() -> None:
    one, two = Service(curve=Curve(a=0.0, b=0.004)), Service(curve=Curve(a=0.0, b=0.0042))
    _, chosen = best(JOINED, {1: one, 2: two}, 16, Promise(within=0.2))
    assert chosen.batching.instances == 2


def test_limits_are_dropped_where_they_break_the_promise() -> None:
    limited = replace(JOINED, prefetches=False)
    _, chosen = best(limited, {1: SERVICE}, 16, Promise(within=0.03))
    assert chosen.batching.prefetches


def test_a_promise_that_no_rate_keeps_has_no_capacity() -> None:
    assert capacity(JOINED, SERVICE, Promise(within=0.001)).rate == 0
