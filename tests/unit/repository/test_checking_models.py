"""Each thing that Triton would refuse is found, where it is, with its fix; nothing healthy is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import planning.repository
from planning.findings import Rule, Severity
from planning.repository.checks import OnnxSupport, check_gpus
from planning.repository.reader import read_repository
from tests.repositories import (
    PYTHON_CODE,
    RepositoryBuilder,
    ensemble_config,
    findings_of,
    identity_config,
    identity_graph,
    python_config,
)
from tests.unit.repository import broken_ensembles, broken_layout, broken_scheduling, broken_tensors
from tests.unit.repository.broken import Broken

CASES = [*broken_layout.CASES, *broken_tensors.CASES, *broken_scheduling.CASES, *broken_ensembles.CASES]

PROJECT = Path(__file__).parents[3]


def own_rules() -> dict[str, Rule]:
    """Every rule that a module of planning/repository states."""
    rules: dict[str, Rule] = {}
    for info in pkgutil.walk_packages(planning.repository.__path__, "planning.repository."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, Rule):
                assert rules.setdefault(value.id, value) is value, f"{value.id} is two rules"
    return rules


RULES = own_rules()


@pytest.mark.parametrize("broken", CASES, ids=[case.name for case in CASES])
def test_what_triton_would_refuse_is_found_with_its_place_and_fix(models: RepositoryBuilder, broken: Broken) -> None:
    broken.build(models)
    findings = findings_of(models.root, allow_python=["first", "second"])
    mine = [finding for finding in findings if finding.rule.id == broken.rule]
    assert mine, [str(finding) for finding in findings]
    texts = [
        f"{finding.what} {finding.fix}" for finding in mine if (finding.at.field or finding.at.file).endswith(broken.at)
    ]
    assert texts, [str(finding) for finding in mine]
    assert any(all(word in text for word in broken.words) for text in texts), texts


@pytest.mark.parametrize("broken", CASES, ids=[case.name for case in CASES])
def test_every_finding_names_a_file_that_is_in_the_repository(models: RepositoryBuilder, broken: Broken) -> None:
    broken.build(models)
    for finding in findings_of(models.root):
        assert Path(finding.at.file).is_relative_to(models.root)
        assert finding.at.line is None or finding.at.line <= Path(finding.at.file).read_text().count("\n") + 1
        assert finding.what.endswith(".")
        assert finding.fix.endswith(".")


def test_every_rule_is_broken_by_a_case() -> None:
    elsewhere = {"TU201", "TU204", "TU205", "TU218", "TU219", "TU240", "TU241", "TU251", "TU252", "TU253"}
    assert {case.rule for case in CASES} == RULES.keys() - elsewhere


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_every_rule_has_its_page(rule: Rule) -> None:
    page = (PROJECT / "docs" / "rules" / f"{rule.id}.md").read_text()
    assert page.startswith(f"# {rule.id}: {rule.title}\n")
    assert re.findall("^## (.*)$", page, re.MULTILINE) == ["What it means", "Why it matters", "Fix"]


HEALTHY = {
    "an identity": lambda m: m.onnx("digits"),
    "any size": lambda m: m.onnx(
        "digits", identity_config("digits", dims=(-1, 3)), identity_graph(("batch", "length", 3))
    ),
    "a fixed input of a graph that takes any": lambda m: m.onnx(
        "digits",
        identity_config("digits", dims=(-1,)).replace("dims: [-1] } ]\noutput", "dims: [7] } ]\noutput"),
        identity_graph(("batch", "length")),
    ),
    "no batch": lambda m: m.onnx("digits", identity_config("digits", (2, 3), max_batch_size=0), identity_graph((2, 3))),
    "a batch that the config spells out": lambda m: m.onnx(
        "digits", identity_config("digits", (-1, 4), max_batch_size=0), identity_graph()
    ),
    "a reshape": lambda m: m.onnx(
        "digits",
        identity_config("digits").replace("dims: [4]", "dims: [2, 2] reshape { shape: [ 4 ] }"),
    ),
    "a batch of single values": lambda m: m.onnx(
        "digits",
        identity_config("digits").replace("dims: [4]", "dims: [1] reshape { shape: [ ] }"),
        identity_graph(("batch",)),
    ),
    "nothing stated": lambda m: m.onnx("digits", config=""),
    "a directory as the model file": lambda m: m.files(
        "digits",
        {"config.pbtxt": identity_config("digits"), "1/model.onnx/model.onnx": identity_graph().SerializeToString()},
    ),
    "a model file of its own name": lambda m: m.files(
        "digits",
        {
            "config.pbtxt": identity_config("digits", more='default_model_filename: "d.onnx"'),
            "1/d.onnx": identity_graph().SerializeToString(),
        },
    ),
    "queues without batches": lambda m: m.onnx(
        "digits",
        identity_config(
            "digits", max_batch_size=0, more="dynamic_batching { default_queue_policy { max_queue_size: 9 } }"
        ),
        identity_graph((4,)),
    ),
    "priorities": lambda m: m.onnx(
        "digits",
        identity_config(
            "digits",
            more="dynamic_batching { preferred_batch_size: [ 4, 8 ] priority_levels: 2 default_priority_level: 2"
            " priority_queue_policy { key: 1 value { max_queue_size: 10 } } }",
        ),
    ),
    "instances": lambda m: m.onnx(
        "digits", identity_config("digits", more="instance_group [ { kind: KIND_GPU count: 2 gpus: [ 0, 1 ] } ]")
    ),
    "a warm-up": lambda m: m.onnx(
        "digits",
        identity_config(
            "digits",
            more='model_warmup { name: "w" batch_size: 8 inputs { key: "INPUT" value'
            " { data_type: TYPE_FP32 dims: 4 random_data: true } } }",
        ),
    ),
    "an ensemble": lambda m: m.onnx("first").onnx("second").ensemble("both", ["first", "second"]),
    "an ensemble of ensembles": lambda m: m.onnx("first").ensemble("one", ["first"]).ensemble("two", ["one", "first"]),
    "an ensemble of a smaller batch": lambda m: m.onnx("first").ensemble(
        "both", [], ensemble_config("both", ["first"], max_batch_size=2)
    ),
    "an ensemble with a step that does not batch": lambda m: m.onnx(
        "first", identity_config("first", (-1, 4), max_batch_size=0)
    ).ensemble("both", ["first"]),
    "an ensemble of an engine that is not built": lambda m: (
        m.onnx("first").engine("fast", "first/1/model.onnx").ensemble("both", ["fast"])
    ),
    "a Python model": lambda m: m.python("first"),
    "a Python model that completes its config itself, in an ensemble": lambda m: m.python(
        "first", 'backend: "python"', code=f"{PYTHON_CODE}    def auto_complete_config(config): return config\n"
    ).ensemble("both", ["first"]),
    "an engine for two GPUs": lambda m: m.files(
        "fast",
        {
            "config.pbtxt": identity_config(
                "fast",
                more='cc_model_filenames [ { key: "8.9" value: "l4.plan" }, { key: "9.0" value: "h100.plan" } ]',
            ).replace("onnxruntime", "tensorrt"),
            "1/l4.plan": "ftrt engine",
            "1/h100.plan": "ftrt engine",
        },
    ),
    "a backend that the model brings": lambda m: m.files(
        "first",
        {
            "config.pbtxt": python_config("first").replace("python", "acme"),
            "1/weights": "w",
            "libtriton_acme.so": "library",
        },
    ),
}


@pytest.mark.parametrize("build", HEALTHY.values(), ids=HEALTHY.keys())
def test_a_healthy_repository_has_no_findings(models: RepositoryBuilder, build: object) -> None:
    build(models)  # type: ignore[operator]
    assert [str(finding) for finding in findings_of(models.root, allow_python=["first"])] == []


def test_the_example_repository_has_no_findings_but_for_files_that_are_assembled_later() -> None:
    findings = findings_of(PROJECT / "model_repository", allow_python=["text_tokenizer"])
    missing = {"text_encoder"}
    left = [finding for finding in findings if Path(finding.at.file).parts[-3] not in missing]
    assert [str(finding) for finding in left if finding.rule.id not in ("TU208", "TU210")] == []
    assert {finding.rule.id for finding in findings} <= {"TU208", "TU210"}


def test_a_renamed_tensor_gives_one_finding(models: RepositoryBuilder) -> None:
    models.onnx("digits", identity_config("digits").replace('"INPUT"', '"IMAGE"'))
    assert [finding.rule.id for finding in findings_of(models.root)] == ["TU214"]


def test_a_model_that_cannot_be_read_does_not_make_its_ensembles_broken(models: RepositoryBuilder) -> None:
    models.onnx("first", config="max_batch_sizes: 3").ensemble("both", ["first"])
    assert [finding.rule.id for finding in findings_of(models.root)] == ["TU203"]


def test_a_model_without_a_version_does_not_make_its_ensembles_broken(models: RepositoryBuilder) -> None:
    models.files("first", {"config.pbtxt": identity_config("first")}).ensemble("both", ["first"])
    assert [finding.rule.id for finding in findings_of(models.root)] == ["TU208"]


def test_a_planned_engine_is_held_against_its_source(models: RepositoryBuilder) -> None:
    models.onnx("digits").engine("fast", "digits/1/model.onnx")
    config = (models.root / "fast" / "config.pbtxt").read_text()
    models.files("fast", {"config.pbtxt": config.replace('"INPUT"', '"IMAGE"')})
    (finding,) = findings_of(models.root)
    assert (finding.rule.id, finding.at.field) == ("TU214", "input[0].name")
    assert "digits/1/model.onnx" in finding.what


def test_instances_are_held_against_the_gpus_of_a_server(models: RepositoryBuilder) -> None:
    models.onnx("digits", identity_config("digits", more="instance_group { kind: KIND_GPU gpus: [ 0, 2 ] }"))
    digits = read_repository(models.root)[0].models["digits"]
    assert check_gpus(digits, 3) == ()
    (beyond,) = check_gpus(digits, 2)
    assert (beyond.rule.id, beyond.at.field) == ("TU223", "instance_group[0].gpus")
    assert "GPU 2" in beyond.what
    assert "KIND_GPU" in check_gpus(digits, 0)[0].what


def test_a_graph_is_held_against_the_onnx_runtime_of_a_release(models: RepositoryBuilder) -> None:
    models.onnx("digits", graph=identity_graph(opset=21, ir_version=10))
    known = OnnxSupport(release="Triton 24.10", opset=21, ir_version=10)
    assert findings_of(models.root, onnx=known) == ()
    older = OnnxSupport(release="Triton 23.10", opset=19, ir_version=9)
    findings = findings_of(models.root, onnx=older)
    assert [finding.rule.id for finding in findings] == ["TU218", "TU218"]
    assert "21" in findings[0].what
    assert "Triton 23.10" in findings[0].what


@pytest.mark.parametrize(
    ("files", "more"),
    [
        ({"batchstrategy.so": "library"}, ""),
        ({}, 'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "/env.tar.gz" } }'),
        ({"operators.so": "library"}, 'model_operations { op_library_filename: "operators.so" }'),
    ],
)
def test_every_kind_of_code_needs_to_be_allowed(models: RepositoryBuilder, files: dict[str, str], more: str) -> None:
    models.onnx("digits", identity_config("digits", more=more)).files("digits", files)
    assert [finding.rule.id for finding in findings_of(models.root)] == ["TU250"]
    assert findings_of(models.root, allow_python=["digits"]) == ()


def test_only_what_still_serves_is_a_warning() -> None:
    """A warning can be accepted: Triton loads each of these, and serves less than was meant. A profile is ours."""
    warnings = {rule.id for rule in RULES.values() if rule.severity is Severity.WARNING}
    assert warnings == {"TU209", "TU219", "TU225", "TU227", "TU229", "TU960"}
