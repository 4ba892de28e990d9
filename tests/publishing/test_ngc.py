"""Files of NGC come at one version, proven and noted; the key goes to NGC and to nobody else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath

import pytest
from loopback_ngc import OLDER, PERSONAL, LoopbackNgc, Model
from typer.testing import CliRunner

from cli.main import app
from planning.repository.hub_lock import LOCK, read_hub_lock
from publishing.hub import Added, add, fetch, pinned
from publishing.hub_source import HubError, Source
from publishing.ngc_api import Key, NgcApi
from publishing.together import Advance

FOLDER = PurePosixPath("vision/1/weights")
NAME = "acme/detectors/people"
VERSION = "deployable_v2.6+1"
SOURCE = f"ngc://{NAME}:{VERSION}"
WEIGHTS = os.urandom(2**20 + 17)


@pytest.fixture
def ngc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackNgc]:
    files = {"config.json": b"{}", "weights/model.onnx": WEIGHTS, "weights/model.bin": b"x" * 1000, "empty": b""}
    running = LoopbackNgc(models={NAME: {"1.0": Model(files={"old": b"1"}), VERSION: Model(files=files)}})
    for variable in ("NGC_API_KEY", "NGC_CLI_API_KEY", "NGC_API_KEY_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NGC_CLI_API_URL", running.api)
    monkeypatch.setenv("NGC_CLI_AUTH_URL", running.api)
    monkeypatch.setenv("NGC_API_KEY", PERSONAL)
    monkeypatch.setattr("publishing.resuming.FIRST_WAIT_S", 0.0)
    (tmp_path / "models").mkdir()
    yield running
    running.close()


@pytest.fixture
def model(ngc: LoopbackNgc) -> Model:
    return ngc.models[NAME][VERSION]


def added(tmp_path: Path, *patterns: str, source: str = SOURCE, cache: str = "cache") -> Added:
    return add(pinned(source), tmp_path / "models", FOLDER, patterns, tmp_path / cache, lambda _: None)


def there(tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "models" / FOLDER
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(tmp_path: Path, *, source: str = SOURCE) -> str:
    with pytest.raises(HubError) as told:
        added(tmp_path, source=source)
    assert list((tmp_path / "models").iterdir()) == []
    return str(told.value)


def test_files_of_a_version_come_whole_with_their_digests_noted(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    done = added(tmp_path)
    assert there(tmp_path) == model.files
    assert done.fetched == sum(map(len, model.files.values()))
    noted = read_hub_lock(tmp_path / "models").folders[FOLDER.as_posix()]
    assert noted.source == SOURCE
    assert {path: (file.size, file.sha256) for path, file in noted.files.items()} == {
        path: (len(content), hashlib.sha256(content).hexdigest()) for path, content in model.files.items()
    }


def test_what_was_fetched_is_not_fetched_again(ngc: LoopbackNgc, tmp_path: Path) -> None:
    added(tmp_path, "weights/*")
    ngc.asked.clear()
    assert added(tmp_path, "weights/*").fetched == 0
    assert ngc.of("files") == []
    ngc.asked.clear()
    (tmp_path / "models" / FOLDER / "weights" / "model.bin").unlink()
    fetch(tmp_path / "models", tmp_path / "cache", lambda _: None)
    assert (sorted(there(tmp_path)), ngc.asked) == (["weights/model.bin", "weights/model.onnx"], [])


def test_a_personal_key_is_the_token_and_goes_to_ngc_alone(ngc: LoopbackNgc, tmp_path: Path) -> None:
    added(tmp_path)
    assert {one.authorization for one in ngc.of("api")} == {f"Bearer {PERSONAL}"}
    assert {one.authorization for one in ngc.of("files")} == {None}
    assert ngc.tokens == 0


def test_an_older_key_is_exchanged_once_for_a_token_of_its_org_and_team(
    ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGC_API_KEY", OLDER)
    added(tmp_path)
    (login,) = [one for one in ngc.asked if one.path == "/token"]
    scopes = [("scope", "group/ngc:acme"), ("scope", "group/ngc:acme/detectors")]
    assert list(login.query) == [("service", "ngc"), *scopes]
    assert {one.authorization for one in ngc.of("api") if one is not login} == {"Bearer token-1"}
    assert {one.authorization for one in ngc.of("files")} == {None}


def test_a_token_that_ended_is_renewed_once(ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_API_KEY", OLDER)
    ngc.refuses = {"/files": [401]}
    added(tmp_path)
    assert ngc.tokens == 2
    ngc.refuses = {"/files": [401, 401]}
    with pytest.raises(HubError, match="does not let the key of NGC_API_KEY read"):
        added(tmp_path)


def test_a_model_for_everyone_needs_no_key(
    ngc: LoopbackNgc, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NGC_API_KEY")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine")
    model.public = True
    added(tmp_path)
    assert there(tmp_path) == model.files
    assert {one.authorization for one in ngc.asked} == {None}


def test_a_key_is_not_sent_on_where_ngc_redirects_to_another_host(
    ngc: LoopbackNgc, model: Model, tmp_path: Path
) -> None:
    model.public = True
    ngc.moved = True
    told = refused(tmp_path)
    assert "does not let the key of NGC_API_KEY read" in told  # the other host was asked as nobody
    assert [one.authorization for one in ngc.of("files")] == [None]


def test_a_listing_of_several_pages_is_read_to_its_end(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    model.files = {f"part-{number:03}": b"%d" % number for number in range(7)}
    ngc.page = 3
    added(tmp_path)
    assert there(tmp_path) == model.files
    lists = [dict(one.query).get("page-number") for one in ngc.of("api") if ("page-size", "1000") in one.query]
    assert lists == [None, "1", "2"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_may_be_another_next_time_is_asked_for_again(
    ngc: LoopbackNgc, model: Model, tmp_path: Path, status: int
) -> None:
    ngc.refuses = {"/files": [status]}
    added(tmp_path)
    assert there(tmp_path) == model.files


def test_a_file_that_breaks_off_goes_on_where_it_was_by_a_url_signed_anew(
    ngc: LoopbackNgc, model: Model, tmp_path: Path
) -> None:
    ngc.breaks = [600_000, 1, 300_000]
    added(tmp_path, "weights/model.onnx")
    assert there(tmp_path) == {"weights/model.onnx": WEIGHTS}
    starts = [int((one.range or "bytes=0-")[6:-1]) for one in ngc.of("files")]
    assert starts == sorted(starts)
    assert starts[0] == 0 < starts[1]
    assert len({dict(one.query)["signature"] for one in ngc.of("files")}) == len(starts)


@pytest.mark.parametrize("keeps_ranges", [True, False])
def test_what_is_told_to_have_come_is_all_of_it_however_it_came(
    ngc: LoopbackNgc, model: Model, tmp_path: Path, keeps_ranges: bool
) -> None:
    ngc.breaks, ngc.keeps_ranges = [600_000, 300_000], keeps_ranges
    told: list[int] = []
    totals: list[int] = []

    def show(_: Source, total: int) -> AbstractContextManager[Advance]:
        totals.append(total)
        return nullcontext(told.append)

    add(pinned(SOURCE), tmp_path / "models", FOLDER, (), tmp_path / "cache", lambda _: None, show)
    whole = sum(map(len, model.files.values()))
    assert (sum(told), totals) == (whole, [whole])
    assert (min(told) < 0) is not keeps_ranges


def test_what_came_before_it_was_given_up_does_not_come_again(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    ngc.breaks = [600_000, *[0] * 5]
    with pytest.raises(
        HubError, match=r"weights/model\.onnx of .* 127\.0\.0\.1 broke off, 5 times\. What came is kept"
    ):
        added(tmp_path, "weights/model.onnx")
    assert not (tmp_path / "models" / LOCK).exists()
    ngc.asked.clear()
    added(tmp_path, "weights/model.onnx")
    (last,) = ngc.of("files")
    assert int((last.range or "bytes=0-")[6:-1]) > 500_000
    assert there(tmp_path) == {"weights/model.onnx": WEIGHTS}


def test_a_file_that_nobody_can_prove_begins_anew(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    model.digests = {"weights/model.onnx": None}
    ngc.breaks = [600_000, *[0] * 5]
    with pytest.raises(HubError, match="broke off"):
        added(tmp_path, "weights/model.onnx")
    ngc.asked.clear()
    added(tmp_path, "weights/model.onnx")
    assert [one.range for one in ngc.of("files")] == [None]


def test_a_server_without_ranges_sends_it_all_again(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    ngc.breaks, ngc.keeps_ranges = [600_000], False
    added(tmp_path, "weights/model.onnx")
    assert there(tmp_path) == {"weights/model.onnx": WEIGHTS}


def test_a_signed_url_that_ended_is_asked_for_anew(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    ngc.refuses = {f"/bucket/{NAME}/{VERSION}": [403]}
    added(tmp_path, "weights/model.onnx")
    assert there(tmp_path) == {"weights/model.onnx": WEIGHTS}


@pytest.mark.parametrize("path", ["../../../escaped", "/escaped", "a/../../escaped", "a\\b", "a\0b"])
def test_a_listed_path_that_leads_out_is_refused(ngc: LoopbackNgc, model: Model, tmp_path: Path, path: str) -> None:
    model.files[path] = b"x"
    assert "is no path to something inside" in refused(tmp_path)
    assert ngc.of("files") == []


def test_bytes_that_are_not_those_that_are_listed_change_nothing(
    ngc: LoopbackNgc, model: Model, tmp_path: Path
) -> None:
    model.digests = {"weights/model.bin": bytes(32)}
    assert f"weights/model.bin of {SOURCE} did not come as the hub lists it" in refused(tmp_path)
    model.digests = {}
    added(tmp_path)
    assert there(tmp_path) == model.files


def test_other_bytes_of_a_version_are_told_by_the_lock_where_ngc_lists_no_digest(
    ngc: LoopbackNgc, model: Model, tmp_path: Path
) -> None:
    model.digests = {"weights/model.bin": None}
    added(tmp_path)
    model.files["weights/model.bin"] = b"y" * 1000
    with pytest.raises(HubError, match="the same revision gives other bytes"):
        added(tmp_path, cache="another machine's")
    assert there(tmp_path)["weights/model.bin"] == b"x" * 1000


def test_no_such_version_is_told_with_the_latest(ngc: LoopbackNgc, tmp_path: Path) -> None:
    told = refused(tmp_path, source=f"ngc://{NAME}:9.9")
    assert told == (
        f"NGC has no version '9.9' of ngc://{NAME}. The latest is '{VERSION}'. All are at"
        " https://catalog.ngc.nvidia.com/orgs/acme/teams/detectors/models/people?version=9.9"
    )


@pytest.mark.parametrize("source", ["ngc://acme/people:1.0", "ngc://acme/detectors/nobody:1.0"])
def test_no_such_model_is_told(ngc: LoopbackNgc, tmp_path: Path, source: str) -> None:
    model = source.rpartition(":")[0]
    assert refused(tmp_path, source=source) == f"NGC has no model {model} (404, no such thing)."


@pytest.mark.parametrize("key", ["nvapi-of-somebody-else", "an-older-key-of-somebody-else"])
def test_a_key_that_is_refused_is_told_by_its_variable_and_never_shown(
    ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("NGC_API_KEY", key)
    ngc.says = f"the key {key} is revoked"
    told = refused(tmp_path)
    assert "does not let the key of NGC_API_KEY read" in told
    assert "(401, the key … is revoked)" in told
    assert key not in told


def test_a_model_that_is_not_for_everyone_asks_for_a_key(
    ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NGC_API_KEY")
    ngc.refuses = {VERSION: [403]}
    assert "NGC_API_KEY_FILE" in refused(tmp_path)


def test_terms_that_are_not_accepted_are_told_with_their_page(ngc: LoopbackNgc, tmp_path: Path) -> None:
    ngc.terms = True
    assert "accepted its terms (412, no such thing): at https://catalog.ngc.nvidia.com/orgs/acme/" in refused(tmp_path)


def test_a_version_that_is_still_being_uploaded_is_not_fetched(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    model.status = "UPLOAD_PENDING"
    assert "is not whole yet: NGC says 'UPLOAD_PENDING'" in refused(tmp_path)


def test_a_file_that_is_listed_and_not_there_is_told(ngc: LoopbackNgc, tmp_path: Path) -> None:
    ngc.refuses = {f"/bucket/{NAME}/{VERSION}": [404]}
    assert refused(tmp_path) == (
        f"config.json of {SOURCE} did not come: 127.0.0.1 has it not (404). What came is kept for the next try."
    )


@pytest.mark.parametrize("listed", [1, 1002])
def test_a_file_of_another_size_than_is_listed_is_told(
    ngc: LoopbackNgc, model: Model, tmp_path: Path, listed: int
) -> None:
    model.sizes = {"weights/model.bin": listed}
    told = refused(tmp_path)
    assert f"weights/model.bin of {SOURCE} did not come: 127.0.0.1 " in told
    assert ("sent more than the 1 bytes that are listed" if listed == 1 else "answered 416, 5 times") in told


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", ""])
def test_a_signed_url_that_is_none_of_http_is_not_followed(ngc: LoopbackNgc, tmp_path: Path, url: str) -> None:
    ngc.signs = url or "none"
    assert f"NGC names no https:// address for config.json of {SOURCE}" in refused(tmp_path)
    assert ngc.of("files") == []


def test_a_digest_that_is_none_is_told(ngc: LoopbackNgc, model: Model, tmp_path: Path) -> None:
    model.digests = {"config.json": b"short"}
    assert f"of config.json of {SOURCE}, which is none" in refused(tmp_path)


def test_what_is_not_ngc_is_told(ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngc, "answer", lambda *_: (200, {"hello": "world"}))
    assert "127.0.0.1 answers with something else than NGC would (modelVersion: Field required)" in refused(tmp_path)


def test_nobody_who_answers_is_told(ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publishing.ngc_api.RETRIES", 0)
    monkeypatch.setenv("NGC_CLI_API_URL", "http://127.0.0.1:9")
    assert "127.0.0.1 could not be reached" in refused(tmp_path)


def test_a_disk_that_fills_up_on_the_way_is_told(ngc: LoopbackNgc, tmp_path: Path) -> None:
    arriving = tmp_path / "cache" / "ngc" / NAME / f".{VERSION}.arriving" / "weights"
    arriving.mkdir(parents=True)
    (arriving / "model.onnx").symlink_to("/dev/full")
    assert "The disk is full" in refused(tmp_path)


@pytest.mark.parametrize("url", ["http://ngc.example", "ftp://127.0.0.1", "http://127.0.0.1.example"])
def test_a_key_never_travels_for_everybody_to_read(
    ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("NGC_CLI_AUTH_URL", url)
    assert refused(tmp_path) == f"NGC_CLI_AUTH_URL is {url!r}: a key is sent by https alone, or to this machine."
    api = NgcApi("acme", None, "", {})
    assert api.is_safe("https://store.example/x")
    assert not api.is_safe("http://store.example/x")


def test_a_key_comes_from_a_file_as_well(ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NGC_API_KEY")
    monkeypatch.setenv("NGC_API_KEY_FILE", str(tmp_path / "key"))
    (tmp_path / "key").write_text(f"{PERSONAL}\n")
    added(tmp_path, "config.json")
    assert {one.authorization for one in ngc.of("api")} == {f"Bearer {PERSONAL}"}
    assert PERSONAL not in repr(Key.of(os.environ))


@pytest.mark.parametrize("content", ["", " \n", "two words", "line\nline", "schlüssel"])
def test_what_can_be_no_key_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(HubError, match="What NGC_API_KEY_FILE holds is no key of NGC") as told:
        Key.of({"NGC_API_KEY_FILE": str(tmp_path / "key")})
    assert content.strip() == "" or content not in str(told.value)
    with pytest.raises(HubError, match=r"NGC_API_KEY_FILE names .*No such file"):
        Key.of({"NGC_API_KEY_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    "text",
    [
        "ngc://people",
        "ngc://acme/people",
        "ngc://acme/people:latest",
        "ngc://a/b/c/d:1",
        "ngc://acme/../people:1",
        "ngc://acme/people:../1",
        "ngc://acme/people:1?key=x",
        "ngc://acme/people:1@2",
    ],
)
def test_a_source_without_a_version_is_refused(text: str) -> None:
    with pytest.raises(HubError, match=r"no ngc://ORG/MODEL:VERSION"):
        pinned(text)


def test_the_command_says_what_came_and_what_did_not(
    ngc: LoopbackNgc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: test\n")
    monkeypatch.chdir(tmp_path)
    words = ["models", "add", SOURCE, "--to", str(FOLDER), "--repository", "models", "--include", "weights/*"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.stdout == "vision/1/weights\n  2 files (1 MiB), 1 MiB fetched; noted in hub.lock.json\n"
    again = CliRunner().invoke(app, ["models", "fetch", "--repository", "models"])
    assert "2 files (1 MiB), 0 B fetched" in again.stdout
    words[2] = f"ngc://{NAME}:9.9"
    failed = CliRunner().invoke(app, [*words, "--json"])
    assert failed.exit_code == 1
    assert "no version '9.9'" in failed.stdout
    assert CliRunner().invoke(app, ["models", "add", "ngc://acme/people", "--to", str(FOLDER)]).exit_code == 2
