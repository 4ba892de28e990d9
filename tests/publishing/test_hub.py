"""Files of a hub come at one commit, proven and noted, and once. The hub is a server on loopback that answers the two
calls that are used as huggingface.co does: the tree of a revision, and a file of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread
from types import SimpleNamespace

import pytest

from planning.repository.hub_lock import LOCK, read_hub_lock
from publishing.hub import Added, add, fetch, pinned
from publishing.hub_source import HubError
from publishing.hugging_face import HuggingFace

COMMIT = "3f" * 20
SOURCE = HuggingFace(repo="acme/tiny", commit=COMMIT)
FOLDER = PurePosixPath("llm/1/weights")
TREE = f"/api/models/acme/tiny/tree/{COMMIT}"
FILE = f"/acme/tiny/resolve/{COMMIT}/"


class Hub:
    """`files` as they are sent; `lists` what is said of them, where that is something else."""

    def __init__(self) -> None:
        self.files = {"config.json": b'{"hidden_size": 8}', "model.safetensors": bytes(range(256)) * 64, "README": b"x"}
        self.lists: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def tree(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "onnx"}]
        for path, sent in self.files.items():
            content = self.lists.get(path, sent)
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            row: dict[str, object] = {"type": "file", "oid": blob, "size": len(content), "path": path}
            if path.endswith(".safetensors"):
                sha256 = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
            rows.append(row)
        return rows

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # pyright: ignore[reportSelfClsParameterName]
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                hub.asked.append(f"{self.command} {path}")
                hub.tokens.add(self.headers.get("Authorization"))
                name = path.removeprefix(FILE)
                if path == TREE:
                    self.answer(json.dumps(hub.tree()).encode(), "application/json", {})
                elif path.startswith(FILE) and name in hub.files:
                    content = hub.files[name]
                    tag = hashlib.sha256(content).hexdigest()
                    self.answer(content, "application/octet-stream", {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})
                else:
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.send_header("X-Error-Code", "EntryNotFound")
                    self.end_headers()

            def do_HEAD(self) -> None:
                self.do_GET()

            def answer(self, content: bytes, kind: str, headers: dict[str, str]) -> None:
                self.send_response(200)
                for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    running = Hub()
    monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_test")
    (tmp_path / "models").mkdir()
    yield running
    running.server.shutdown()
    running.server.server_close()


def added(tmp_path: Path, *patterns: str, cache: str = "cache") -> Added:
    return add(SOURCE, tmp_path / "models", FOLDER, patterns, tmp_path / cache, lambda _: None)


def test_files_of_a_commit_come_whole_with_their_digests_noted_and_the_token_given(hub: Hub, tmp_path: Path) -> None:
    done = added(tmp_path, "*.json", "*.safetensors")
    there = {path.name: path.read_bytes() for path in (tmp_path / "models" / FOLDER).iterdir()}
    assert there == {name: hub.files[name] for name in ("config.json", "model.safetensors")}
    noted = read_hub_lock(tmp_path / "models").folders[FOLDER.as_posix()]
    assert noted == done.locked
    assert noted.source == f"hf://acme/tiny@{COMMIT}"
    assert {name: file.sha256 for name, file in noted.files.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in there.items()
    }
    assert "Bearer hf_of_the_test" in hub.tokens


def test_what_was_fetched_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    assert added(tmp_path).fetched == sum(map(len, hub.files.values()))
    hub.asked.clear()
    assert added(tmp_path).fetched == 0
    assert not [one for one in hub.asked if FILE in one]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_is_not_what_the_hub_lists_changes_nothing(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.lists[name] = bytes(len(hub.files[name]))
    with pytest.raises(HubError, match=f"{name} of hf://acme/tiny@{COMMIT} did not come as the hub lists it"):
        added(tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_other_bytes_under_the_same_commit_are_refused(hub: Hub, tmp_path: Path) -> None:
    added(tmp_path)
    before = (tmp_path / "models" / LOCK).read_bytes()
    hub.files["config.json"] = b'{"hidden_size": 9}'
    with pytest.raises(HubError, match="the same revision gives other bytes"):
        added(tmp_path, cache="another machine's")
    assert (tmp_path / "models" / LOCK).read_bytes() == before
    assert (tmp_path / "models" / FOLDER / "config.json").read_bytes() == b'{"hidden_size": 8}'


def test_what_matches_nothing_is_told_with_what_there_is(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"no file that matches \*\.onnx\. It has: config\.json"):
        added(tmp_path, "*.onnx")


@pytest.mark.parametrize("text", ["hf://acme/tiny", "hf://acme/tiny@main", f"hf://acme/tiny@{COMMIT[:12]}"])
def test_a_source_without_a_whole_commit_is_refused(text: str) -> None:
    with pytest.raises(HubError, match="40 digits of a commit"):
        pinned(text)


@pytest.mark.parametrize("folder", ["/etc", "../out", ".", "llm/../../out", "llm/\n1"])
def test_nothing_is_written_outside_of_the_repository(hub: Hub, tmp_path: Path, folder: str) -> None:
    with pytest.raises(HubError, match="no folder inside the model repository"):
        add(SOURCE, tmp_path / "models", PurePosixPath(folder), (), tmp_path / "cache", lambda _: None)


def test_a_link_is_no_way_out_of_the_repository(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "models" / "llm").symlink_to(tmp_path / "out")
    with pytest.raises(HubError, match="is a link out of the model repository"):
        added(tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_within_the_folder_is_no_way_out_either(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"tokenizer/vocab.json": b"{}"}
    folder = tmp_path / "models" / FOLDER
    folder.mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (folder / "tokenizer").symlink_to(tmp_path / "out")
    with pytest.raises(HubError, match="would lie outside of the model repository"):
        added(tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("path", ["../../escaped", "/etc/escaped", "a/../../escaped", "a//b"])
def test_a_hub_that_lists_a_path_out_of_the_source_is_not_believed(hub: Hub, tmp_path: Path, path: str) -> None:
    hub.files[path] = b"x"
    with pytest.raises(HubError, match="is no path to something inside"):
        added(tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_what_somebody_put_beside_stays_and_what_was_noted_and_is_no_more_goes(hub: Hub, tmp_path: Path) -> None:
    added(tmp_path)
    folder = tmp_path / "models" / FOLDER
    (folder / "adapter.bin").write_bytes(b"mine")
    added(tmp_path, "*.json")
    assert sorted(path.name for path in folder.iterdir()) == ["adapter.bin", "config.json"]
    assert list(read_hub_lock(tmp_path / "models").folders[FOLDER.as_posix()].files) == ["config.json"]


def test_a_file_that_nobody_fetched_is_not_written_over(hub: Hub, tmp_path: Path) -> None:
    mine = tmp_path / "models" / FOLDER / "config.json"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(HubError, match=r"llm/1/weights/config\.json is there already.*does not note it"):
        added(tmp_path)
    assert mine.read_bytes() == b"mine"
    assert sorted(path.name for path in mine.parent.iterdir()) == ["config.json"]
    assert not (tmp_path / "models" / LOCK).exists()


def test_what_the_lock_notes_comes_again_without_the_hub_where_the_cache_has_it(hub: Hub, tmp_path: Path) -> None:
    added(tmp_path)
    folder = tmp_path / "models" / FOLDER
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "config.json").write_bytes(b"changed by hand")
    (folder / "README").unlink()
    hub.asked.clear()
    (again,) = fetch(tmp_path / "models", tmp_path / "cache", lambda _: None)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert (again.fetched, hub.asked) == (0, [])


def test_what_the_lock_notes_comes_from_the_hub_where_nothing_has_it(hub: Hub, tmp_path: Path) -> None:
    done = added(tmp_path, "*.json")
    (tmp_path / "models" / FOLDER / "config.json").unlink()
    (again,) = fetch(tmp_path / "models", tmp_path / "another machine's", lambda _: None)
    assert again.fetched == again.locked.files["config.json"].size
    assert again.locked == done.locked
    assert [path.name for path in (tmp_path / "models" / FOLDER).iterdir()] == ["config.json"]


def test_what_the_lock_notes_is_not_taken_from_a_hub_that_says_otherwise(hub: Hub, tmp_path: Path) -> None:
    added(tmp_path)
    (tmp_path / "models" / FOLDER / "config.json").unlink()
    hub.files["config.json"] = b'{"hidden_size": 9}'
    with pytest.raises(HubError, match="the same revision gives other bytes"):
        fetch(tmp_path / "models", tmp_path / "another machine's", lambda _: None)
    del hub.files["config.json"]
    with pytest.raises(HubError, match=r"has no config\.json any more"):
        fetch(tmp_path / "models", tmp_path / "another machine's", lambda _: None)
    assert not (tmp_path / "models" / FOLDER / "config.json").exists()


def test_a_lock_that_cannot_be_read_is_not_written_over(hub: Hub, tmp_path: Path) -> None:
    lock = tmp_path / "models" / LOCK
    lock.write_text('{"folders": {"llm/1": {"source": "hf://a/b@c", "files": {}, "note": "mine"}}}')
    with pytest.raises(HubError, match=r'folders\["llm/1"\]\.note: This field is not known'):
        added(tmp_path)
    assert "mine" in lock.read_text()


def test_a_disk_without_room_is_told_before_anything_comes(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publishing.hub.shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(HubError, match=r"has room for 10 B, and 16 KiB are to come"):
        added(tmp_path)
    assert not [one for one in hub.asked if FILE in one]
