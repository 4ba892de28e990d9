"""Files of a hub come at one commit, proven and noted, and once. The hub is a server on loopback that answers the two
calls that are used as huggingface.co does: the tree of a revision, and a file of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread

import pytest

from publishing.hub import LOCK, Added, HubError, HubSource, add, read_hub_lock

COMMIT = "3f" * 20
SOURCE = HubSource(repo="acme/tiny", commit=COMMIT)
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
    with pytest.raises(HubError, match="the same commit gives other bytes"):
        added(tmp_path, cache="another machine's")
    assert (tmp_path / "models" / LOCK).read_bytes() == before
    assert (tmp_path / "models" / FOLDER / "config.json").read_bytes() == b'{"hidden_size": 8}'


def test_what_matches_nothing_is_told_with_what_there_is(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"no file that matches \*\.onnx\. It has: config\.json"):
        added(tmp_path, "*.onnx")


@pytest.mark.parametrize(
    "text", ["hf://acme/tiny", "hf://acme/tiny@main", f"hf://acme/tiny@{COMMIT[:12]}", "acme/tiny"]
)
def test_a_source_without_a_whole_commit_is_refused(text: str) -> None:
    with pytest.raises(HubError, match="40 digits of a commit"):
        HubSource.parse(text)


@pytest.mark.parametrize("folder", ["/etc", "../out", ""])
def test_nothing_is_written_outside_of_the_repository(hub: Hub, tmp_path: Path, folder: str) -> None:
    with pytest.raises(HubError, match="no folder inside the model repository"):
        add(SOURCE, tmp_path / "models", PurePosixPath(folder), (), tmp_path / "cache", lambda _: None)
