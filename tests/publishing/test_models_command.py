"""`tritonup models` on a whole project: what it prints, what it refuses, how it exits."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml
from models_project import as_json, models, push, write_stack
from places import Place
from small_repository import Keys, bytes_below
from typer.testing import CliRunner

from cli.main import app
from local.sample import SAMPLE_FILE
from planning.repository.hub_lock import LOCK
from publishing.layout import content_key, read_layout
from publishing.store import Store


def test_a_push_prints_the_digest_that_the_plan_names(project: Path) -> None:
    plan = json.loads(CliRunner().invoke(app, ["plan", "-s", "test", "--json"]).stdout)
    printed = models("push", "-s", "test").stdout
    (digest,) = re.findall(r"^vision ([0-9a-f]{64})$", printed, re.MULTILINE)
    assert digest in json.dumps(plan)
    assert "signed by ci" in printed
    assert "was published already, 0 bytes sent" in models("push", "-s", "test").stdout
    assert as_json("push", "-s", "test")["servers"][0]["bytes"]["sent"] == 0


def test_verify_tells_a_pipeline_whether_it_may_deploy(project: Path, moto: Place) -> None:
    before = as_json("verify", "-s", "test", code=1)
    assert [finding["rule"] for finding in before["servers"][0]["findings"]] == ["TU242"]
    digest = push()
    assert "as signed by ci" in models("verify", "-s", "test").stdout
    path = content_key("vision", digest, "digits/config.pbtxt")
    moto.store.delete([path])
    moto.store.create(path, b"x")
    told = models("verify", "-s", "test", code=1)
    assert "TU247" in told.stderr
    assert path in told.stderr


def test_a_changed_model_has_another_digest_that_is_not_published(project: Path) -> None:
    old = push()
    config = project / "model_repository" / "digits" / "config.pbtxt"
    config.write_text(config.read_text() + "\n# changed\n")
    assert as_json("verify", "-s", "test", code=1)["servers"][0]["digest"] != old
    found = as_json("diff", "vision", "-s", "test", code=1)
    assert found["published"] == old
    assert [(one["path"], one["change"]) for one in found["differences"]] == [("digits/config.pbtxt", "changed")]
    assert as_json("verify", "vision", "-s", "test", "--digest", old[:12])["servers"][0]["good"]
    sent = as_json("push", "-s", "test")["servers"][0]
    assert sent["files"] == {"present": 0, "copied": 2, "sent": 1}
    assert as_json("diff", "vision", "-s", "test")["differences"] == []


def test_a_file_that_came_from_a_hub_and_was_changed_is_not_published(project: Path, moto: Place) -> None:
    labels = project / "model_repository" / "digits" / "labels.txt"
    noted = {"sha256": "0" * 64, "size": labels.stat().st_size}
    folder = {"source": f"hf://acme/digits@{'3f' * 20}", "files": {"labels.txt": noted}}
    (project / "model_repository" / LOCK).write_text(json.dumps({"folders": {"digits": folder}}))
    told = models("push", "-s", "test", code=1).stderr
    assert "[TU956]" in told
    assert "digits/labels.txt has the SHA-256" in told
    assert moto.store.list() == ()
    noted["sha256"] = hashlib.sha256(labels.read_bytes()).hexdigest()
    (project / "model_repository" / LOCK).write_text(json.dumps({"folders": {"digits": folder}}))
    assert push()


def test_list_shows_who_signed_and_which_stack_names_it(project: Path, keys: Keys, moto: Place) -> None:
    digest = push()
    (row,) = as_json("list", "-s", "test")["published"]
    assert row["digest"] == digest
    assert (row["signed_by"], row["named_by"], row["models"]) == ("ci", ["test"], ["digits"])
    assert digest[:12] in models("list", "-s", "test").stdout
    write_stack(project, keys, moto.url)
    other = keys.stranger.public
    stack = (project / "Pulumi.test.yaml").read_text().replace(keys.key.public.pem, other.pem)
    settings = yaml.safe_load(stack)
    signing = settings["config"]["tritonup:settings"]["model_repository"]["signing"]
    signing["trusted"], signing["revoked"] = {"new": other.pem}, [keys.key.public.fingerprint]
    (project / "Pulumi.test.yaml").write_text(yaml.safe_dump(settings))
    (row,) = as_json("list", "-s", "test")["published"]
    assert row["signed_by"] is None
    assert [finding["rule"] for finding in row["findings"]] == ["TU244"]


def test_pull_brings_what_a_server_serves_and_nothing_else(project: Path, tmp_path: Path) -> None:
    digest = push()
    pulled = as_json("pull", "vision", "-s", "test", "--out", str(tmp_path / "out"))
    source = bytes_below(project / "model_repository" / "digits")
    expected = {f"digits/{path}": content for path, content in source.items() if path.endswith((".pbtxt", ".onnx"))}
    got = bytes_below(Path(pulled["directory"]))
    assert got.items() >= expected.items()
    assert not [path for path in got if path.endswith((".md", SAMPLE_FILE))]
    again = models("pull", "vision", "-s", "test", "--out", str(tmp_path / "out"), "--digest", digest)
    assert "was there already" in again.stdout


def test_a_directory_stands_in_for_the_bucket(project: Path, tmp_path: Path) -> None:
    store = f"file://{tmp_path}/air-gap"
    as_json("push", "-s", "test", "--store", store)
    assert "as signed by ci" in models("verify", "-s", "test", "--store", store).stdout


def test_a_directory_is_named_by_its_path(project: Path) -> None:
    as_json("push", "-s", "test", "--store", "./bucket")
    assert list((project / "bucket" / "vision").iterdir())
    assert "./directory" in models("push", "-s", "test", "--store", "bucket", code=1).stderr


@pytest.mark.parametrize("password", [None, "secret"])
def test_a_key_that_is_made_signs_for_the_stack_file_that_takes_what_is_printed(
    project: Path, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    if password:
        monkeypatch.setenv("TRITONUP_SIGNING_PASSWORD", password)
    told = models("key", "mine.pem", "--name", "me")
    written = (project / "mine.pem").read_text()
    assert "PRIVATE" not in told.output
    assert ("ENCRYPTED" in written) == bool(password)
    assert (project / "mine.pem").stat().st_mode & 0o777 == 0o600
    stack = project / "Pulumi.test.yaml"
    settings = yaml.safe_load(stack.read_text())
    settings["config"]["tritonup:settings"]["model_repository"] |= yaml.safe_load(told.stdout)
    stack.write_text(yaml.safe_dump(settings))
    assert "signed by me" in models("push", "-s", "test", "--key", "mine.pem").stdout


def test_a_key_is_never_written_over(project: Path) -> None:
    (project / "mine.pem").write_text("another")
    assert "never written over" in models("key", "mine.pem", code=2).stderr
    assert (project / "mine.pem").read_text() == "another"


def test_a_push_is_refused_without_a_key_that_the_stack_trusts(
    project: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, moto: Place
) -> None:
    strange = models("push", "-s", "test", "--key", str(keys.theirs), code=1).stderr
    assert "does not trust" in strange
    assert keys.stranger.public.pem.splitlines()[1] in strange  # what to paste
    assert "PRIVATE" not in strange
    monkeypatch.delenv("TRITONUP_SIGNING_KEY")
    assert "--key FILE" in models("push", "-s", "test", code=2).stderr
    assert moto.store.list() == ()


def test_a_stack_with_errors_is_not_pushed(project: Path, moto: Place) -> None:
    stack = project / "Pulumi.test.yaml"
    stack.write_text(stack.read_text().replace("- digits", "- digitz"))
    assert "TU240" in models("push", "-s", "test", code=1).stderr
    assert moto.store.list() == ()


def test_an_unreachable_store_is_an_error_that_names_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publishing.store.RETRIES", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    told = models("push", "-s", "test", code=1).stderr
    assert "s3://models/" in told
    assert "Traceback" not in told


def test_a_bucket_that_is_not_there_is_an_error_that_names_it(project: Path) -> None:
    told = models("push", "-s", "test", "--store", "s3://no-such-bucket/x", code=1).stderr
    assert "s3://no-such-bucket/x" in told


@pytest.mark.parametrize("url", ["ftp://x/y", "s3://", "models", "file:relative"])
def test_a_store_of_another_kind_is_refused(url: str, project: Path) -> None:
    assert "s3://bucket/prefix" in models("list", "-s", "test", "--store", url, code=1).stderr


def test_gc_removes_nothing_unless_it_is_told_to_and_knows_what_runs(
    project: Path, tmp_path: Path, moto: Place
) -> None:
    digest = push()
    told = models("gc", "-s", "test")
    assert "a stack file names it" in told.stdout
    assert "0 of 1" in told.stdout
    assert "--in-use" in models("gc", "-s", "test", "--delete", code=2).stderr
    running = tmp_path / "running.json"
    running.write_text('{"items": []}')
    assert "names no digest" in models("gc", "-s", "test", "--in-use", str(running), "--delete", code=2).stderr
    running.write_text(json.dumps({"args": [f"--model-repository=s3://models/x/vision/{digest}"]}))
    models("gc", "-s", "test", "--in-use", str(running), "--delete")
    assert ("vision", digest) in read_layout(moto.store.list())


def test_gc_stops_where_a_stacks_digests_cannot_be_told(project: Path) -> None:
    push()
    (project / "Pulumi.broken.yaml").write_text("config: {}\n")
    assert "nothing is safe to remove" in models("gc", "-s", "test", "--stacks-name-all", code=1).stderr


def test_gc_reads_what_runs_from_standard_input(project: Path) -> None:
    digest = push()
    told = models("gc", "-s", "test", "--in-use", "-", given=f"s3://m/vision/{digest}").stdout
    assert "0 of 1" in told


def test_a_prefix_of_a_digest_must_stand_for_one(project: Path) -> None:
    digest = push()
    assert as_json("verify", "vision", "-s", "test", "--digest", digest[:8])["servers"][0]["digest"] == digest
    models("verify", "vision", "-s", "test", "--digest", "0" * 8, code=1)
    models("verify", "vision", "-s", "test", "--digest", "xyz", code=2)


def test_a_destination_that_is_no_store_needs_one_named(project: Path) -> None:
    stack = yaml.safe_load((project / "Pulumi.test.yaml").read_text())
    repository = stack["config"]["tritonup:settings"]["model_repository"]
    repository["destination"] = {"kind": "claim", "claim": "models"}
    (project / "Pulumi.test.yaml").write_text(yaml.safe_dump(stack))
    assert "--store" in models("push", "-s", "test", code=2).stderr


def test_a_pull_of_a_tampered_digest_says_why_and_leaves_nothing(project: Path, tmp_path: Path, moto: Place) -> None:
    digest = push()
    path = content_key("vision", digest, "digits/config.pbtxt")
    moto.store.delete([path])
    moto.store.create(path, b"x")
    out = tmp_path / "out"
    assert "TU247" in models("pull", "vision", "-s", "test", "--out", str(out), code=1).stderr
    assert bytes_below(out) == {}
    assert Store(moto.url).read(path) == b"x"


def test_into_a_pipe_nothing_that_is_published_is_cut(project: Path, tmp_path: Path) -> None:
    at = f"{tmp_path}/bucket"
    digest = as_json("push", "-s", "test", "--store", at)["servers"][0]["digest"]
    shown = models("list", "-s", "test", "--store", at).stdout
    assert "…" not in shown
    assert "Published (UTC)" in shown
    assert len([line for line in shown.splitlines() if digest[:12] in line]) == 1


@pytest.mark.parametrize("command", ["list", "verify", "gc", "diff vision", "pull vision --out out"])
def test_who_reads_of_a_directory_that_is_not_there_is_told_its_name_and_makes_none(
    project: Path, command: str
) -> None:
    told = models(*command.split(), "-s", "test", "--store", "./bukcet", code=1).stderr
    assert f"{project}/bukcet: there is no such directory" in told
    assert not (project / "bukcet").exists()


def test_help_names_every_form_of_store_that_is_taken() -> None:
    shown = models("push", "--help").stdout
    assert all(form in shown for form in ("s3://", "gs://", "file:///", "./"))
