"""Whatever a directory holds, reading it gives findings, never a traceback, and reads the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.findings import Finding
from planning.repository.model import Model
from planning.repository.reader import read_repository
from tests.repositories import RepositoryBuilder, findings_of, generate, identity_config, identity_graph


def rules(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.rule.id for finding in findings]


def only(models: RepositoryBuilder, name: str) -> Model:
    repository, findings = read_repository(models.root)
    assert findings == ()
    return repository.models[name]


def test_a_directory_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    repository, (finding,) = read_repository(tmp_path / "none")
    assert (finding.rule.id, repository.models) == ("TU201", {})
    assert "no such directory" in finding.what


def test_a_file_instead_of_a_directory_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert rules(read_repository(tmp_path / "file")[1]) == ["TU201"]


def test_an_empty_repository_is_a_finding(models: RepositoryBuilder) -> None:
    assert rules(findings_of(models.root)) == ["TU201"]


def test_a_models_own_directory_is_not_taken_for_a_repository(models: RepositoryBuilder) -> None:
    models.onnx("digits")
    (finding,) = findings_of(models.root / "digits")
    assert finding.rule.id == "TU201"
    assert "one model" in finding.what


def test_a_directory_without_a_config_is_a_finding_and_the_rest_is_read(models: RepositoryBuilder) -> None:
    models.onnx("digits").files("notes", {"todo.txt": "later"})
    repository, (finding,) = read_repository(models.root)
    assert (finding.rule.id, list(repository.models), repository.broken) == ("TU202", ["digits"], {"notes"})


def test_files_and_hidden_directories_beside_the_models_are_ignored(models: RepositoryBuilder) -> None:
    models.onnx("digits").files(".git", {"HEAD": "ref"}).files("__pycache__", {"x.pyc": ""})
    (models.root / "README.md").write_text("models")
    assert findings_of(models.root) == ()


def test_a_link_out_of_the_repository_is_not_followed(models: RepositoryBuilder, tmp_path: Path) -> None:
    models.onnx("digits")
    secret = tmp_path / "secret"
    secret.write_text("never read")
    (models.root / "digits" / "1" / "key").symlink_to(secret)
    repository, (finding,) = read_repository(models.root)
    assert finding.rule.id == "TU204"
    assert [str(file.path) for file in repository.models["digits"].served[0].files] == ["1/model.onnx"]


def test_a_model_directory_that_leads_out_of_the_repository_is_not_read(
    models: RepositoryBuilder, tmp_path: Path
) -> None:
    elsewhere = RepositoryBuilder(tmp_path / "elsewhere").onnx("digits")
    models.onnx("letters")
    (models.root / "digits").symlink_to(elsewhere.root / "digits")
    repository, (finding,) = read_repository(models.root)
    assert (finding.rule.id, list(repository.models)) == ("TU204", ["letters"])


def test_a_link_inside_the_repository_is_followed(models: RepositoryBuilder) -> None:
    models.onnx("digits").onnx("copy")
    target = models.root / "copy" / "1" / "model.onnx"
    target.unlink()
    target.symlink_to("../../digits/1/model.onnx")
    repository, findings = read_repository(models.root)
    assert findings == ()
    assert repository.models["copy"].served[0].files == repository.models["digits"].served[0].files


def test_a_link_that_leads_nowhere_is_a_finding(models: RepositoryBuilder) -> None:
    models.onnx("digits")
    (models.root / "digits" / "1" / "gone").symlink_to("nowhere")
    assert rules(findings_of(models.root)) == ["TU205"]


def test_a_link_to_a_directory_above_it_ends(models: RepositoryBuilder) -> None:
    models.onnx("digits")
    (models.root / "digits" / "1" / "again").symlink_to("..")
    assert findings_of(models.root) == ()


def test_a_pipe_is_reported_and_not_opened(models: RepositoryBuilder) -> None:
    models.onnx("digits")
    os.mkfifo(models.root / "digits" / "1" / "pipe")
    assert rules(findings_of(models.root)) == ["TU205"]


def test_a_file_that_cannot_be_read_is_a_finding(models: RepositoryBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    models.onnx("digits").files("digits", {"1/tensors.bin": "data"})
    open_file = Path.open

    def refuse(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "tensors.bin":
            raise PermissionError(13, "Permission denied")
        return open_file(path, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    repository, (finding,) = read_repository(models.root)
    assert finding.rule.id == "TU205"
    assert "Permission denied" in finding.what
    assert "digits" in repository.models


@pytest.mark.parametrize(
    ("policy", "directories", "served"),
    [
        ("", ["1", "2", "10"], [10]),
        ("version_policy { latest { num_versions: 2 } }", ["1", "2", "10"], [2, 10]),
        ("version_policy { all { } }", ["1", "2", "10"], [1, 2, 10]),
        ("version_policy { specific { versions: [ 1, 10 ] } }", ["1", "2", "10"], [1, 10]),
        ("version_policy { all { } }", ["1", "02", "warmup", "initial_state", "configs", "old"], [1]),
        ("version_policy { all { } }", ["0", "1"], [0, 1]),
    ],
)
def test_the_served_versions_are_those_that_triton_loads(
    models: RepositoryBuilder, policy: str, directories: list[str], served: list[int]
) -> None:
    content = identity_graph().SerializeToString()
    models.files("digits", {"config.pbtxt": identity_config("digits", more=policy)})
    models.files("digits", {f"{name}/model.onnx": content for name in directories})
    assert [version.number for version in only(models, "digits").served] == served


def test_a_version_that_is_not_served_is_not_read(models: RepositoryBuilder) -> None:
    models.onnx("digits", version=2).files("digits", {"1/model.onnx": "not an ONNX file"})
    assert findings_of(models.root) == ()
    assert only(models, "digits").versions == (1, 2)


def test_what_a_config_leaves_out_is_completed_as_triton_does(models: RepositoryBuilder) -> None:
    models.onnx("digits", config="", graph=identity_graph(("batch", 4)))
    digits = only(models, "digits")
    assert (digits.backend, digits.platform, digits.model_filename) == ("onnxruntime", "onnxruntime_onnx", "model.onnx")
    assert (digits.max_batch_size, digits.inputs[0].dims, digits.outputs[0].data_type) == (4, (4,), "TYPE_FP32")
    assert findings_of(models.root) == ()


def test_an_engine_that_is_not_built_is_planned(models: RepositoryBuilder) -> None:
    models.onnx("digits").engine("fast", "digits/1/model.onnx")
    fast = only(models, "fast")
    assert fast.planned
    assert fast.engine is not None
    assert (fast.engine.model, fast.engine.file, fast.engine.precision) == ("digits", "1/model.onnx", "fp16")
    models.files("fast", {"1/model.plan": "ftrt engine"})
    assert not only(models, "fast").planned
    assert findings_of(models.root) == ()


def test_labels_are_the_lines_of_their_file(models: RepositoryBuilder) -> None:
    config = identity_config("digits").replace('"OUTPUT"', '"OUTPUT" label_filename: "labels.txt"')
    models.onnx("digits", config).files("digits", {"labels.txt": "zero\none\ntwo\nthree\n"})
    assert only(models, "digits").labels == {"labels.txt": ("zero", "one", "two", "three")}
    assert findings_of(models.root) == ()


_NAMES = st.sampled_from(["a", "b.onnx", "config.pbtxt", "1", "2", "01", "1-old", "model.onnx", "labels.txt", "warmup"])
_CONTENTS = st.sampled_from(
    [
        b"",
        b"\xff\xfe",
        identity_config("a").encode(),
        b'platform: "ensemble"',
        identity_graph().SerializeToString()[:40],
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.lists(_NAMES, min_size=1, max_size=3).map(tuple), _CONTENTS, max_size=6))
def test_no_directory_tree_is_more_than_findings(tree: dict[tuple[str, ...], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "models")
        root.mkdir()
        for parts, content in tree.items():
            path = root.joinpath(*parts)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            except OSError:
                continue  # a file is where this needs a directory
        for finding in findings_of(root):
            assert finding.what
            assert finding.fix


def test_reading_imports_none_of_the_slow_packages(models: RepositoryBuilder) -> None:
    models.onnx("digits")
    program = (
        "import sys, pathlib\n"
        "from planning.repository.checks import check_repository\n"
        "from planning.repository.reader import read_repository\n"
        f"repository, found = read_repository(pathlib.Path({str(models.root)!r}))\n"
        "assert not found and not check_repository(repository, allow_python=())\n"
        "print(sorted({'numpy', 'grpc', 'pulumi', 'ml_dtypes'} & set(sys.modules)))\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_onnx_and_tritonclient_can_still_be_imported_afterwards() -> None:
    """ONNX's extension refuses to be loaded twice."""
    program = (
        "from planning.repository.graph import read_graph\n"
        "from planning.repository.pbtxt import parse_config\n"
        "read_graph(b'x'); parse_config('name: \"x\"')\n"
        "from planning.repository.generated import load; load('onnx', 'onnx_cpp2py_export')\n"
        "import onnx, onnx.checker, tritonclient.grpc\n"
        "from onnx import helper\n"
        "onnx.checker.check_model(helper.make_model(helper.make_graph([], 'g', [], []), ir_version=8,"
        " opset_imports=[helper.make_opsetid('', 17)]))\n"
        "from tritonclient.grpc import model_config_pb2\n"
        "assert isinstance(parse_config(''), model_config_pb2.ModelConfig)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_generated_repository_of_any_size_has_no_findings(tmp_path: Path) -> None:
    generate(tmp_path / "models", 40)
    repository, findings = read_repository(tmp_path / "models")
    assert (len(repository.models), findings, findings_of(tmp_path / "models")) == (40, (), ())
