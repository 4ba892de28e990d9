"""The real server says what the check says. Its core refuses every fault that is said to be the core's, lets pass what
a backend is said to decide, and loads every repository that is healthy."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.installed import InstalledTriton
from planning.findings import Severity
from tests.compiler import find_compiler
from tests.preflight.changes import changed_at_random
from tests.preflight.corpus import HEALTHY, SEEDS
from tests.preflight.judge import Loads, Verdict, judge
from tests.preflight.seeds import MODELS, Cited, Core, Files, Seed
from tests.preflight.test_findings import findings

pytestmark = pytest.mark.serving

PROJECT = Path(__file__).resolve().parents[2]
CORE = [seed for seed in SEEDS if isinstance(seed.judge, Core)]
OTHERS = [seed for seed in SEEDS if not isinstance(seed.judge, Core)]
BEYOND = {
    b"KIND_GPU": "the judge has no GPU",
    b"model_metrics": "the judge, of release 24.10, does not know model_metrics yet",
    b"torch_aoti": "the judge, of release 24.10, does not know the platform torch_aoti yet",
}
"""What a config may hold that the server of this machine refuses, and others do not."""


def apart(files: Files) -> str | None:
    """Why the judge is no judge of `files`, or None where it is."""
    config = files["subject/config.pbtxt"]
    return next((why for word, why in BEYOND.items() if word in config), None)


OTHERS_APART = {seed.name: why for seed in OTHERS if (why := apart(seed.faulty)) is not None}
HEALTHY_APART = {name: why for name, files in HEALTHY.items() if (why := apart(files)) is not None}
CHANGED = tuple(
    changed_at_random({name: files for name, files in HEALTHY.items() if name not in HEALTHY_APART}, count=300, seed=1)
)


@pytest.fixture(scope="module")
def verdicts(installed: InstalledTriton, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """By `fault <name>`, `healthy <name>` and `changed <number>`."""
    compiler = find_compiler(PROJECT)
    if isinstance(compiler, str):
        pytest.skip(compiler)
    asked: dict[str, Files] = {
        **{f"fault {seed.name}": seed.faulty for seed in SEEDS if seed.name not in OTHERS_APART},
        **{f"healthy {name}": files for name, files in HEALTHY.items() if name not in HEALTHY_APART},
        **{f"changed {number}": files for number, files in enumerate(CHANGED)},
    }
    return judge(installed, compiler, tmp_path_factory.mktemp("judge"), asked)


@pytest.mark.parametrize("seed", CORE, ids=[seed.name for seed in CORE])
def test_what_the_core_decides_the_server_refuses(verdicts: dict[str, Verdict], seed: Seed) -> None:
    assert verdicts[f"fault {seed.name}"] != Loads()


@pytest.mark.parametrize("seed", OTHERS, ids=[seed.name for seed in OTHERS])
def test_what_others_decide_the_core_lets_pass(verdicts: dict[str, Verdict], seed: Seed) -> None:
    if (why := OTHERS_APART.get(seed.name)) is not None:
        pytest.skip(why)
    assert verdicts[f"fault {seed.name}"] == Loads()


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_healthy_the_server_loads(verdicts: dict[str, Verdict], name: str) -> None:
    if (why := HEALTHY_APART.get(name)) is not None:
        pytest.skip(why)
    assert verdicts[f"healthy {name}"] == Loads()


def test_what_the_server_refuses_of_random_changes_is_found(verdicts: dict[str, Verdict], tmp_path: Path) -> None:
    refused = [number for number in range(len(CHANGED)) if verdicts[f"changed {number}"] != Loads()]
    assert len(refused) > len(CHANGED) // 3
    missed = [
        f"{verdicts[f'changed {number}']} of {CHANGED[number]}"
        for number in refused
        if not any(
            finding.severity is Severity.ERROR
            for finding in findings(tmp_path / str(number), CHANGED[number], MODELS, gpus=0)
        )
    ]
    assert missed == []


def test_the_page_counts_what_is_here() -> None:
    page = " ".join((PROJECT / "docs" / "preflight.md").read_text(encoding="utf-8").split())
    every, apart = len(SEEDS) + len(HEALTHY), len(OTHERS_APART) + len(HEALTHY_APART)
    cited = sum(isinstance(seed.judge, Cited) for seed in OTHERS)
    passing, healthy = len(OTHERS) - len(OTHERS_APART), len(HEALTHY) - len(HEALTHY_APART)
    for said in (
        f"{len(CORE)} faults that the core decides, {cited} that a backend or a newer core decides",
        f"{len(OTHERS) - cited} that load and still do not serve as written; {len(HEALTHY)} healthy repositories",
        f"All {len(SEEDS)} faults are found",
        f"asked of {every - apart} of these {every} repositories",
        f"refuses all {len(CORE)} faults of the core",
        f"lets pass {passing} others, and loads {healthy} healthy ones",
        f"Of {apart} it is no judge",
        f"{len(CHANGED)} configs that are changed at random",
    ):
        assert said in page
