"""Every seeded fault is found where it is, with its value and its fix; nothing healthy is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from planning.findings import Finding, Severity
from planning.repository.checks import OnnxSupport, check_gpus, check_repository
from planning.repository.reader import read_repository
from tests.preflight.corpus import HEALTHY, SEEDS
from tests.preflight.seeds import MODELS, Cited, Core, Files, Seed, write

ONNX = OnnxSupport(release="Triton 24.10, ONNX Runtime 1.19.2", opset=21, ir_version=10)


def findings(
    root: Path, files: Files, code: Sequence[str], gpus: int | None, onnx: OnnxSupport | None = ONNX
) -> list[Finding]:
    repository, read = read_repository(write(root, files))
    found = [*read, *check_repository(repository, allow_python=code, onnx=onnx)]
    if gpus is not None:
        found += [finding for model in repository.models.values() for finding in check_gpus(model, gpus)]
    return found


@pytest.mark.parametrize("seed", SEEDS, ids=[seed.name for seed in SEEDS])
def test_every_fault_is_found_with_its_place_value_and_fix(seed: Seed, tmp_path: Path) -> None:
    found = findings(tmp_path, seed.faulty, seed.code, seed.gpus)
    mine = [finding for finding in found if finding.rule.id == seed.rule]
    at = [finding for finding in mine if (finding.at.field or finding.at.file).endswith(seed.at)]
    assert any(all(word in f"{finding.what} {finding.fix}" for word in seed.words) for finding in at), [
        str(finding) for finding in mine
    ] or [str(finding) for finding in found]
    assert {finding.severity for finding in at} == {Severity(seed.severity)}


@pytest.mark.parametrize("seed", SEEDS, ids=[seed.name for seed in SEEDS])
def test_every_finding_names_model_file_and_fix(seed: Seed, tmp_path: Path) -> None:
    for finding in findings(tmp_path, seed.faulty, (), seed.gpus):
        model = Path(finding.at.file).relative_to(tmp_path).parts[0]
        assert model in MODELS
        assert finding.what.endswith(".")
        assert finding.fix.endswith(".")
        if finding.at.field:
            assert finding.at.file.endswith("/config.pbtxt")


@pytest.mark.parametrize("seed", SEEDS, ids=[seed.name for seed in SEEDS])
def test_a_value_is_not_refused_twice(seed: Seed, tmp_path: Path) -> None:
    found = findings(tmp_path, seed.faulty, seed.code, seed.gpus)
    parameters = [finding.at for finding in found if "parameters[" in finding.at.field]
    assert len(parameters) == len(set(parameters))


@pytest.mark.parametrize("files", HEALTHY.values(), ids=HEALTHY.keys())
def test_nothing_healthy_is_refused(files: Files, tmp_path: Path) -> None:
    assert [str(finding) for finding in findings(tmp_path, files, MODELS, None)] == []


def test_there_are_150_repositories_and_more_of_each_judge() -> None:
    counted = Counter(type(seed.judge) for seed in SEEDS)
    assert counted[Core] >= 150
    assert counted[Cited] >= 50
    assert len(HEALTHY) >= 100
    assert len({seed.name for seed in SEEDS}) == len(SEEDS)
