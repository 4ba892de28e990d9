"""A server's directory holds exactly its models, and nothing of it stays when it cannot be made."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.errors import CannotServeError
from local.staging import stage


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def model(root: Path, name: str, config: str = 'backend: "onnxruntime"', **files: str) -> Path:
    (root / name / "1").mkdir(parents=True)
    (root / name / "config.pbtxt").write_text(config)
    for file, text in files.items():
        (root / name / "1" / file.replace("_", ".")).write_text(text)
    return root / name


def remove(root: Path) -> None:
    shutil.rmtree(root)


def test_exactly_the_servers_models_are_there(tmp_path: Path, temporary: Path) -> None:
    mine, _ = model(tmp_path, "mine", model_onnx="graph"), model(tmp_path, "of_another_server")
    staging = stage("text", [mine])
    assert [found.name for found in staging.models.iterdir()] == ["mine"]
    assert (staging.models / "mine" / "1" / "model.onnx").read_text() == "graph"
    assert staging.root.parent == temporary
    remove(staging.root)


def test_python_writes_its_bytecode_beside_the_links_and_not_beside_the_users_code(
    tmp_path: Path, temporary: Path
) -> None:
    mine = model(tmp_path, "mine", 'backend: "python"', model_py="X = 1", vocab_txt="words")
    (mine / "1" / "__pycache__").mkdir()
    staging = stage("text", [mine])
    version = staging.models / "mine" / "1"
    assert sorted(found.name for found in version.iterdir()) == ["model.py", "vocab.txt"]
    assert not version.is_symlink()
    assert (version / "model.py").resolve() == mine / "1" / "model.py"
    remove(staging.root)


@pytest.mark.parametrize(
    ("config", "files", "because"),
    [
        ('platform: "tensorrt_plan"', {}, "its TensorRT engine is not built"),
        ('backend: "tensorrt"', {"model_plan": "engine"}, "a TensorRT engine runs on a GPU only"),
        (
            'backend: "tensorrt" default_model_filename: "l4.plan"',
            {"model_plan": "engine"},
            "its TensorRT engine is not built",
        ),
    ],
)
def test_a_tensorrt_model_is_left_out_and_told(
    tmp_path: Path, temporary: Path, config: str, files: dict[str, str], because: str
) -> None:
    staging = stage("vision", [model(tmp_path, "engine", config, **files), model(tmp_path, "graph")])
    assert staging.served == ("graph",)
    assert [(one.model, one.because) for one in staging.left_out] == [("engine", because)]
    remove(staging.root)


def test_a_server_whose_models_all_need_a_gpu_is_refused(tmp_path: Path, temporary: Path) -> None:
    with pytest.raises(CannotServeError, match=r"no model that can be served here \(engine: its TensorRT"):
        stage("vision", [model(tmp_path, "engine", 'platform: "tensorrt_plan"')])


def test_a_missing_model_is_named(tmp_path: Path, temporary: Path) -> None:
    with pytest.raises(CannotServeError, match="serves model 'absent', but there is no directory"):
        stage("vision", [model(tmp_path, "there"), tmp_path / "absent"])


@pytest.mark.parametrize("step", ["mkdir", "symlink"])
def test_a_full_disk_is_told_with_the_folder_and_what_to_do(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    mine = model(tmp_path, "mine")
    genuine = getattr(os, step)

    def full(path: object, *args: object, **kwargs: object) -> None:
        if (Path(str(args[0])) if step == "symlink" else Path(str(path))).name in {"models", "mine"}:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        genuine(path, *args, **kwargs)

    monkeypatch.setattr(os, step, full)
    with pytest.raises(CannotServeError) as refused:
        stage("text", [mine])
    assert f"Server 'text' has no disk space to start in: {temporary} has " in str(refused.value)
    assert "TMPDIR" in str(refused.value)
