"""Where Triton's core decides, the check says what the real server says: it refuses every seeded fault, and loads
every repository that is healthy."""

from __future__ import annotations

import pytest

from local.installed import InstalledTriton
from tests.preflight.corpus import CORE, CORE_HEALTHY
from tests.preflight.judge import Verdict, judge

pytestmark = pytest.mark.serving


@pytest.fixture(scope="module")
def verdicts(installed: InstalledTriton, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    asked = {**{seed.name: seed.faulty for seed in CORE}, **{f"healthy: {n}": f for n, f in CORE_HEALTHY.items()}}
    return judge(installed, tmp_path_factory.mktemp("judge"), asked)


@pytest.mark.parametrize("name", [seed.name for seed in CORE])
def test_what_is_found_the_server_refuses(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[name].refused is not None


@pytest.mark.parametrize("name", CORE_HEALTHY)
def test_what_is_healthy_the_server_loads(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[f"healthy: {name}"].refused is None
