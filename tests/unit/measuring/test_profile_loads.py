"""The loads of a profile against a server that does what the test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
from kserve_server import Behaviour, serving

from local.errors import CannotServeError
from measuring.profile import loads
from measuring.profile.asking import MOST_CONNECTIONS
from measuring.profile.loads import Observed, observe
from measuring.profile.server import ConfigSaid, RunningServer, Statistics
from measuring.question import Tensor

ROW = (Tensor("X", "FP32", np.zeros((1, 2), np.float32)),)


@dataclass(frozen=True)
class Still:
    """A server whose statistics never change."""

    target: str

    def statistics(self, model: str) -> Statistics:
        return Statistics(batches={}, requests=0, waited=0.0)


@pytest.fixture(autouse=True)
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "SPAN_S", 0.1)
    monkeypatch.setattr(loads, "LEAST_SINGLES", 20)


async def observed(behaviour: Behaviour = "right") -> tuple[Observed, int]:
    """And how many connections were open at the most."""
    async with serving(behaviour) as server:
        still = cast("RunningServer", Still(f"127.0.0.1:{server.port}"))
        seen = await observe(still, ConfigSaid(name="m"), ROW, seconds=1, told=lambda _: None)
        return seen, server.most


def test_no_load_opens_more_connections_than_triton_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "LOADS", (0.5,))
    seen, most = asyncio.run(observed())
    assert 0 < most <= MOST_CONNECTIONS
    assert seen.saturation > 0


def test_a_load_that_the_client_cannot_send_is_left_out_with_all_greater_ones_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loads, "LOADS", (0.1, 100.0, 200.0))
    seen, _ = asyncio.run(observed())
    assert [one.load for one in seen.rates] == [0.1]
    doubt = seen.doubts[-1]
    assert "more than this client can send" in doubt


def test_a_server_that_fails_is_not_profiled() -> None:
    with pytest.raises(CannotServeError, match="it is broken"):
        asyncio.run(observed("error"))
