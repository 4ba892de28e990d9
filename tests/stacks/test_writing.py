"""Writing what was rendered into a folder that holds other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.render import Manifest, write


def _manifest(name: str) -> Manifest:
    return Manifest(kind="ConfigMap", name=name, namespace="n", body={"kind": "ConfigMap", "metadata": {"name": name}})


def test_files_that_were_not_rendered_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "100-my-ingress.yaml").write_text("mine")
    write([_manifest("a"), _manifest("b")], tmp_path)
    write([_manifest("b")], tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".rendered", "000-configmap-b.yaml", "100-my-ingress.yaml"]
    assert (tmp_path / "100-my-ingress.yaml").read_text() == "mine"


def test_a_rendering_that_fails_in_the_middle_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write([_manifest("a"), _manifest("b")], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    whole = Path.write_text

    def full(path: Path, text: str, encoding: str) -> int:
        if "configmap-d" in path.name:
            raise OSError(28, "No space left on device")
        return whole(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write([_manifest("c"), _manifest("d")], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
