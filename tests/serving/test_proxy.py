"""What nginx does with a request that the Triton behind it refuses, has begun, or is asked of its own health."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest

from components.serving.proxy import ALONE, FILE, FOLDER, START, proxy_files
from local.ports import LOOPBACK
from planning.proxy import LEAVING, LOOKUPS, Proxy, Way, nginx_config, plan_proxy

PROJECT = Path(__file__).resolve().parents[2]
OTHER = "127.0.0.2"
"""Another pod's address: the ports of Triton are the same in every pod."""

BODY = b"x" * 200_000
"""More than nginx and the sockets hold: a part of it is on its way when Triton ends."""


@pytest.fixture(scope="module")
def nginx() -> Path:
    found = next((PROJECT / ".tools" / "nginx").glob("usr/sbin/nginx"), None) or shutil.which("nginx")
    if found is None:
        pytest.skip("there is no nginx (`make test` gets Debian's where there is apt-get)")
    return Path(found)


def unused() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


@pytest.fixture
def proxy() -> Proxy:
    planned = plan_proxy(server="vision", connection_age_s=2, pre_stop_s=9, slowest_request_s=5)
    http, grpc_ = (Way(port=unused(), triton_port=unused()) for _ in range(2))
    return replace(planned, http=http, grpc=grpc_, others=OTHER)


@contextmanager
def running(nginx: Path, proxy: Proxy, folder: Path) -> Generator[str]:
    """nginx with the rendered configuration; where HTTP clients come."""
    # The worker looks into `folder`, which is this user's alone.
    directives = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    config = folder / "nginx.conf"
    config.write_text(nginx_config(proxy, address=LOOPBACK, scratch=str(folder)))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [nginx, "-e", "stderr", "-g", directives, "-c", config], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as one:
                if one.connect_ex((LOOPBACK, proxy.grpc.port)) == 0:
                    break
            time.sleep(0.02)
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://{LOOPBACK}:{proxy.http.port}"
    finally:
        process.terminate()
        process.wait(10)


@dataclass
class Asked:
    """A stand-in for Triton's HTTP port: what it was asked, and whether it answers or ends in the middle."""

    answers: bool = True
    paths: list[str] = field(default_factory=list[str])


@contextmanager
def triton_at(address: str, port: int, asked: Asked) -> Generator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            asked.paths.append(self.path)
            if not asked.answers:
                # Some of the request has come, nothing of the answer goes, as of a process that is killed.
                self.rfile.read(min(1000, int(self.headers.get("Content-Length", 0))))
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = _answer  # noqa: N815 - the names that the server looks for

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((address, port), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def status(url: str, body: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_a_request_that_triton_refuses_is_answered_by_another_pod(nginx: Path, proxy: Proxy, tmp_path: Path) -> None:
    other = Asked()
    with triton_at(OTHER, proxy.http.triton_port, other), running(nginx, proxy, tmp_path) as url:
        assert [status(f"{url}/v2/models/digits/infer", BODY) for _ in range(20)] == [200] * 20
    assert len(other.paths) == 20


def test_triton_here_is_asked_and_nobody_else_while_it_answers(nginx: Path, proxy: Proxy, tmp_path: Path) -> None:
    here, other = Asked(), Asked()
    port = proxy.http.triton_port
    with triton_at(LOOPBACK, port, here), triton_at(OTHER, port, other), running(nginx, proxy, tmp_path) as url:
        assert [status(f"{url}/v2/models/digits/infer", BODY) for _ in range(20)] == [200] * 20
    assert (len(here.paths), other.paths) == (20, [])


def test_a_request_that_was_sent_is_never_sent_again(nginx: Path, proxy: Proxy, tmp_path: Path) -> None:
    """Triton may have begun it: asking another one would do it twice."""
    here, other = Asked(answers=False), Asked()
    port = proxy.http.triton_port
    with triton_at(LOOPBACK, port, here), triton_at(OTHER, port, other), running(nginx, proxy, tmp_path) as url:
        assert [status(f"{url}/v2/models/digits/infer", body) for body in (b"small", BODY)] == [502, 502]
    assert (len(here.paths), other.paths) == (2, [])


def ask_over(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/v2/models/digits/infer", BODY)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_what_a_silent_client_asks_of_a_leaving_pod_is_answered_by_another_one(
    nginx: Path, proxy: Proxy, tmp_path: Path
) -> None:
    here, other = Asked(), Asked()
    port = proxy.http.triton_port
    with (
        triton_at(LOOPBACK, port, here),
        triton_at(OTHER, port, other),
        running(nginx, proxy, tmp_path),
        closing(http.client.HTTPConnection(LOOPBACK, proxy.http.port, timeout=10)) as kept,
    ):
        assert ask_over(kept) == 200
        (tmp_path / LEAVING).touch()
        assert kept.sock is not None
        assert ask_over(kept) == 200
        assert status(f"http://{LOOPBACK}:{proxy.http.port}/v2/health/ready") == 200
    assert here.paths == ["/v2/models/digits/infer", "/v2/health/ready"]
    assert other.paths == ["/v2/models/digits/infer"]


def test_a_leaving_pod_whose_others_all_refuse_answers_itself(nginx: Path, proxy: Proxy, tmp_path: Path) -> None:
    here = Asked()
    with triton_at(LOOPBACK, proxy.http.triton_port, here), running(nginx, proxy, tmp_path) as url:
        (tmp_path / LEAVING).touch()
        assert [status(f"{url}/v2/models/digits/infer", BODY) for _ in range(20)] == [200] * 20
    assert len(here.paths) == 20


def test_what_is_asked_of_a_leaving_pod_over_an_open_grpc_channel_is_answered_by_another_one(
    nginx: Path, proxy: Proxy, tmp_path: Path
) -> None:
    with (
        grpc_triton_at(LOOPBACK, proxy.grpc.triton_port) as here,
        grpc_triton_at(OTHER, proxy.grpc.triton_port) as other,
        running(nginx, proxy, tmp_path),
        grpc.insecure_channel(f"{LOOPBACK}:{proxy.grpc.port}") as channel,
    ):
        ask: Any = channel.unary_unary(INFER)
        stream: Any = channel.stream_stream(STREAM)
        more = Event()

        def messages() -> Generator[bytes]:
            yield b"before"
            more.wait(10)
            yield b"after"

        begun = stream(messages(), timeout=30)
        assert (ask(BODY, timeout=10), next(begun)) == (BODY, b"before")
        (tmp_path / LEAVING).touch()
        assert ask(BODY, timeout=10) == BODY
        more.set()
        assert list(begun) == [b"after"]  # where it began
        check: Any = channel.unary_unary(CHECK)
        check(b"", timeout=10)
    assert sorted(here.methods) == sorted([STREAM, INFER, CHECK])
    assert other.methods == [INFER]


def test_nobody_answers_for_this_pods_health(nginx: Path, proxy: Proxy, tmp_path: Path) -> None:
    other = Asked()
    with triton_at(OTHER, proxy.http.triton_port, other), running(nginx, proxy, tmp_path) as url:
        assert [status(f"{url}/v2/health/{what}") for what in ("ready", "live")] == [502, 502]
    assert other.paths == []


class Echo(grpc.GenericRpcHandler):
    """Any method: one message in, the same out; streams message by message."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        self.methods.append(handler_call_details.method)
        if handler_call_details.method.endswith("Stream"):
            return grpc.stream_stream_rpc_method_handler(lambda messages, _: messages)
        return grpc.unary_unary_rpc_method_handler(lambda message, _: message)


@contextmanager
def grpc_triton_at(address: str, port: int) -> Generator[Echo]:
    echo = Echo()
    server = grpc.server(ThreadPoolExecutor(8), handlers=[echo], options=[("grpc.max_receive_message_length", -1)])
    assert server.add_insecure_port(f"{address}:{port}") == port
    server.start()
    try:
        yield echo
    finally:
        server.stop(None).wait()


INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStream"
CHECK = "/grpc.health.v1.Health/Check"


def test_a_grpc_request_that_triton_refuses_is_answered_by_another_pod_and_a_health_check_is_not(
    nginx: Path, proxy: Proxy, tmp_path: Path
) -> None:
    with (
        grpc_triton_at(OTHER, proxy.grpc.triton_port) as other,
        running(nginx, proxy, tmp_path),
        grpc.insecure_channel(f"{LOOPBACK}:{proxy.grpc.port}") as channel,
    ):
        ask: Any = channel.unary_unary(INFER)
        assert [ask(BODY, timeout=10) for _ in range(20)] == [BODY] * 20
        check: Any = channel.unary_unary(CHECK)
        with pytest.raises(grpc.RpcError):
            check(b"", timeout=10)
    assert set(other.methods) == {INFER}


def test_a_grpc_stream_goes_both_ways_for_longer_than_a_connections_age(
    nginx: Path, proxy: Proxy, tmp_path: Path
) -> None:
    def messages() -> Generator[bytes]:
        for number in range(7):
            yield str(number).encode()
            time.sleep(0.5)

    with (
        grpc_triton_at(LOOPBACK, proxy.grpc.triton_port),
        running(nginx, proxy, tmp_path),
        grpc.insecure_channel(f"{LOOPBACK}:{proxy.grpc.port}") as channel,
    ):
        stream: Any = channel.stream_stream(STREAM)
        came = [(time.monotonic(), message) for message in stream(messages(), timeout=30)]
    assert [message for _, message in came] == [str(number).encode() for number in range(7)]
    assert came[-1][0] - came[0][0] > proxy.connection_age.value  # each as it was sent, not all at the end


def test_no_grpc_request_is_lost_as_connections_come_of_age(nginx: Path, proxy: Proxy, tmp_path: Path) -> None:
    young = replace(proxy, connection_age=replace(proxy.connection_age, value=1))
    answered = 0
    with (
        grpc_triton_at(LOOPBACK, proxy.grpc.triton_port),
        running(nginx, young, tmp_path),
        grpc.insecure_channel(f"{LOOPBACK}:{proxy.grpc.port}") as channel,
    ):
        ask: Any = channel.unary_unary(INFER)
        until = time.monotonic() + 4
        while time.monotonic() < until:
            pending = [ask.future(b"x", timeout=10) for _ in range(8)]
            answered += sum(each.result() == b"x" for each in pending)
    assert answered > 100


def test_a_cluster_that_answers_no_names_is_served_without_passing_on(proxy: Proxy, tmp_path: Path) -> None:
    """By the start script as rendered, with programs of the test's own in the places of nginx and sleep."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    said = tmp_path / "said"
    for name, script in (("nginx", f'echo "$@" >> {said}; case "$*" in *-t*) exit 1;; esac'), ("sleep", "exit 0")):
        (bin_ / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin_ / name).chmod(0o755)
    start = tmp_path / START
    start.write_text(proxy_files(proxy)[START])
    told = subprocess.run(["/bin/sh", start], env={"PATH": str(bin_)}, capture_output=True, text=True, check=True)
    runs = said.read_text().splitlines()
    assert [run for run in runs if " -t " in run] == [f"-e stderr -t -q -c {FOLDER}/{FILE}"] * LOOKUPS
    assert runs[-1] == f"-e stderr -g daemon off; -c {FOLDER}/{ALONE}"
    assert re.search(rf"{OTHER} has no address", told.stderr)
