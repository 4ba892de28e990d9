"""`tritonup images`, as far as it needs no registry."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.images import app
from planning.images import digest_of, image_lock, load_image_lock


@pytest.mark.parametrize("columns", ["80", "200"])
def test_list_shows_every_image_beside_its_digest(columns: str) -> None:
    result = CliRunner().invoke(app, ["list"], env={"COLUMNS": columns})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for image in image_lock().images:
        digest = digest_of(image.evidence)
        expected = digest.removeprefix("sha256:")[:12] if digest else "none"
        assert any(line.split()[:2] == [f"{image.name}:{image.tag}", expected] for line in lines)


def test_lists_json_is_a_lock_of_the_chosen_images() -> None:
    result = CliRunner().invoke(app, ["list", "triton:26.08-py3", "device-plugin", "--json"])
    listed = load_image_lock(result.stdout)
    assert [(image.name, image.tag) for image in listed.images] == [
        ("device-plugin", "v0.20.0"),
        ("triton", "26.08-py3"),
    ]
    assert all(image in image_lock().images for image in listed.images)


@pytest.mark.parametrize("command", ["list", "verify", "update"])
def test_an_unknown_image_is_a_usage_error_that_names_the_known_ones(command: str) -> None:
    result = CliRunner().invoke(app, [command, "trition"])
    assert result.exit_code == 2
    known = ", ".join(sorted({image.name for image in image_lock().images}))
    assert f"no image 'trition'. It has {known}." in result.stderr


@pytest.mark.parametrize("command", ["list", "verify"])
def test_an_unknown_tag_is_a_usage_error_that_names_the_known_ones(command: str) -> None:
    result = CliRunner().invoke(app, [command, "device-plugin:v9"])
    assert result.exit_code == 2
    assert "no tag 'v9' of device-plugin. It has v0.20.0." in result.stderr


@pytest.mark.parametrize("content", [None, "<<<<<<< ours", '{"version": 1, "images": [{}]}', "directory"])
def test_a_lock_that_cannot_be_read_is_one_clear_error(tmp_path: Path, content: str | None) -> None:
    lock = tmp_path / "lock.json"
    if content == "directory":
        lock.mkdir()
    elif content is not None:
        lock.write_text(content)
    for command in ("list", "verify", "update"):
        result = CliRunner().invoke(app, [command, "--lock", str(lock)])
        assert result.exit_code == 2
        assert str(lock) in result.stderr.replace("\n", "")
        assert "Traceback" not in result.stderr
