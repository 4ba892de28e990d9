"""Where Triton's core decides, the check says what the real server says: it refuses every seeded fault, and loads
every repository that is healthy."""

from __future__ import annotations

import os

import pytest

from local.installed import InstalledTriton
from tests.preflight.corpus import CORE, CORE_HEALTHY
from tests.preflight.judge import ATTEMPTS, Verdict, judge

ASKED = "TRITONUP_JUDGE"

pytestmark = [
    pytest.mark.serving,
    pytest.mark.skipif(
        not os.environ.get(ASKED), reason=f"some 265 loads take minutes of a machine that does nothing else: {ASKED}=1"
    ),
]

LEAST = 0.95
"""Of all repositories, those that must get a verdict. Triton 24.10's Python backend ends the server now and then where
many processes wait for the processors; what it was not asked by then says that it skips."""


@pytest.fixture(scope="module")
def verdicts(installed: InstalledTriton, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    asked = {**{seed.name: seed.faulty for seed in CORE}, **{f"healthy: {n}": f for n, f in CORE_HEALTHY.items()}}
    return judge(installed, tmp_path_factory.mktemp("judge"), asked)


def verdict(verdicts: dict[str, Verdict], name: str) -> Verdict:
    if name not in verdicts:
        pytest.skip(f"the server ended by itself {ATTEMPTS} times before it was asked of this one")
    return verdicts[name]


def test_the_server_judges_nearly_all(verdicts: dict[str, Verdict]) -> None:
    asked = len(CORE) + len(CORE_HEALTHY)
    faults = sum(seed.name in verdicts for seed in CORE)
    print(f"{faults} of {len(CORE)} core faults and {len(verdicts) - faults} of {len(CORE_HEALTHY)} healthy judged")
    assert len(verdicts) >= LEAST * asked


@pytest.mark.parametrize("name", [seed.name for seed in CORE])
def test_what_is_found_the_server_refuses(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdict(verdicts, name).refused is not None


@pytest.mark.parametrize("name", CORE_HEALTHY)
def test_what_is_healthy_the_server_loads(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdict(verdicts, f"healthy: {name}").refused is None
