"""The proxy before Triton's HTTP port: why there is one, and nginx's configuration, each line with its reason.

On SIGTERM Triton closes its listening socket to newcomers and goes on answering whatever comes over connections that
it has, until `--exit-timeout-secs` is over; then it cuts them. It never tells a client to go (server,
`src/http_server.cc`, `HTTPServer::Stop`: the same from 24.10 to 26.07; there is no flag for a keep-alive time).
A client that keeps a connection therefore stays to the end and loses what it asks then. nginx says `Connection:
close` with the next answer over each connection that is older than `keepalive_time`, always, not only while the pod
leaves: nothing has to be told to it. A client that asks at least once a second is gone from a pod `keepalive_time`
and a second after the last new connection.

gRPC needs no proxy: `--grpc-max-connection-age` does the same with GOAWAY, without the race that HTTP/1.1 has. The
figures behind these choices are in docs/draining.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from planning.derived import Derived
from planning.ports import HTTP_PORT, TRITON_HTTP_PORT
from planning.settings.scalars import Cpu, Memory

CPU = Cpu(250)
"""As request and limit. Measured: 0.12 to 0.20 ms of a core a small request (docs/draining.md), so this carries about
1,200 of them a second; large tensors cost more, by their bytes."""

MEMORY = Memory(128 * 2**20)
"""As request and limit. Measured: 14 MiB at its highest (docs/draining.md). Bodies pass through unbuffered, so the
most is the buffers of as many requests as it has sockets for: 2,048, each of 16 KiB for the body, 8 KiB for the
answer and a few for itself (nginx, `client_body_buffer_size`, `proxy_buffer_size`, of x86-64)."""

SCRATCH = Memory(16 * 2**20)
"""Its pid file: bodies are not buffered."""

IDLE_S = 650
"""Seconds after which an idle connection is closed. Closing one races with a request that is on its way, so clients
should give up first: Google Cloud's load balancers, the most patient that we know, hold idle connections to a backend
for 600 s and ask for more than that (Cloud Load Balancing, "HTTP keepalive timeout")."""

UPSTREAM_CONNECTIONS = 256
"""Idle connections to Triton that nginx keeps; more than 256 requests at once open more and close them again."""

CONNECTIONS = 4096
"""Sockets of the one worker process; a request needs two, an idle client one. Where they run out, nginx closes idle
ones. Above what one GPU answers at a time; a choice of ours."""

QUIT_BEFORE_S = 1
"""Seconds in which what nginx has accepted is answered before Triton cuts it. A choice of ours: by then only clients
that were silent for the whole time come, and only one request over each connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """nginx beside Triton. Whole seconds; ports of the pod's."""

    port: int
    upstream_port: int
    connection_age: Derived[int]
    """After so long, the next answer over a connection ends it."""
    quit_after: Derived[int]
    """Counted from the pod's deletion, as preStop is: then nginx closes idle connections, answers what it has, ends."""
    answer: Derived[int]
    """How long an answer may take."""


def with_proxy(cpu: Cpu, memory: Memory) -> tuple[Cpu, Memory]:
    """What a pod requests whose Triton requests so much: a node must have room for both."""
    return Cpu(cpu.millis + CPU.millis), Memory(memory.bytes + MEMORY.bytes)


def beside_proxy(cpu: Cpu, memory: Memory) -> tuple[Cpu, Memory]:
    """What a node with so much room leaves for one Triton."""
    return Cpu(max(0, cpu.millis - CPU.millis)), Memory(max(0, memory.bytes - MEMORY.bytes))


def plan_proxy(*, connection_age_s: int, pre_stop_s: int, slowest_request_s: int) -> Proxy:
    """The proxy of a server whose connections live `connection_age_s`, whose preStop takes `pre_stop_s` and whose
    slowest accepted request takes `slowest_request_s`, queueing included (all from `Drain`)."""
    return Proxy(
        port=HTTP_PORT,
        upstream_port=TRITON_HTTP_PORT,
        connection_age=Derived(connection_age_s, "clients must have moved to another pod before SIGTERM"),
        quit_after=Derived(
            pre_stop_s + slowest_request_s - QUIT_BEFORE_S,
            f"{QUIT_BEFORE_S} s before Triton's exit timeout is over: Triton answers over the connections that nginx"
            " holds until then, so a client that was silent is still served, and none finds nginx without a Triton",
        ),
        answer=Derived(slowest_request_s, "the slowest accepted request must be answered"),
    )


def nginx_config(proxy: Proxy, *, address: str = "0.0.0.0", scratch: str = "/tmp") -> str:  # noqa: S104, S108 - the pod's own
    """The text of nginx.conf. `scratch` is the only folder that nginx writes to."""
    return f"""\
# Before Triton's HTTP port, so that clients leave a pod before it goes. Reasons: docs/draining.md.
worker_processes 1;
pid {scratch}/nginx.pid;
error_log stderr warn;
# What was accepted is answered.
worker_shutdown_timeout {proxy.answer.value}s;

events {{
    worker_connections {CONNECTIONS};
}}

http {{
    access_log off;
    server_tokens off;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;

    upstream triton {{
        server 127.0.0.1:{proxy.upstream_port} max_fails=0;
        keepalive {UPSTREAM_CONNECTIONS};
        # Triton takes no new connections once it has been told to end, so those that are open are kept.
        keepalive_timeout {IDLE_S}s;
        keepalive_requests 1000000000;
        keepalive_time 1d;
    }}

    server {{
        listen {address}:{proxy.port} backlog=1024;

        # From this age on the next answer says `Connection: close`: clients have moved before SIGTERM.
        keepalive_time {proxy.connection_age.value}s;
        keepalive_requests 1000000000;
        # Longer than clients keep an idle connection: closing one races with a request on its way.
        keepalive_timeout {IDLE_S}s;

        # Tensors of any size, passed on as they come; Triton has its own limit.
        client_max_body_size 0;
        proxy_request_buffering off;
        proxy_buffering off;
        large_client_header_buffers 4 32k;
        ignore_invalid_headers off;
        underscores_in_headers on;

        location / {{
            proxy_pass http://triton;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            # A request is sent once: Triton may have begun it.
            proxy_next_upstream off;
            # The slowest accepted request; between two reads, so that a stream may take longer.
            proxy_connect_timeout 1s;
            proxy_send_timeout {proxy.answer.value + 1}s;
            proxy_read_timeout {proxy.answer.value + 1}s;
            error_page 502 @gone;
        }}

        # Triton is not there: it crashed, or has not begun. A client that is told so must connect anew, to another pod
        # perhaps. Over the same connection it would come here again, and sooner than to pods that take time to answer.
        location @gone {{
            keepalive_timeout 0;
            return 502;
        }}
    }}
}}
"""
