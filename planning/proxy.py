"""The proxy before Triton: why there is one, and nginx's configuration, each line with its reason.

**Clients leave a pod before it goes.** On SIGTERM Triton closes its listening sockets to newcomers and goes on
answering whatever comes over HTTP connections that it has, until `--exit-timeout-secs` is over; then it cuts them. It
never tells an HTTP client to go (server, `src/http_server.cc`, `HTTPServer::Stop`: the same from 24.10 to 26.07; there
is no flag for a keep-alive time). A client that keeps a connection therefore stays to the end and loses what it asks
then. nginx says `Connection: close` (HTTP/1.1) or GOAWAY (HTTP/2, which gRPC is) with the next answer over each
connection that is older than `keepalive_time`, always, not only while the pod leaves: nothing has to be told to it. A
client that asks at least once a second is gone from a pod `keepalive_time` and a second after the last new connection.

**A request that a dead Triton never saw is answered by another pod.** Until a crash has travelled from the kubelet over
the endpoints to every node's rules, the Service goes on sending requests here. Triton's port then refuses them, so
nothing of them was sent, and nginx passes them on to another pod's Triton. What was sent is never sent again: Triton
may have begun it.

**A request that a leaving Triton might not finish goes to another pod.** A client that was silent since before the
deletion still holds its connection here. What it asks from the last second before SIGTERM on is another pod's to
answer, for Triton here cuts at its exit timeout whatever it has not finished.

The figures behind these choices are in docs/draining.md and docs/drain-benchmark.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planning.derived import Derived
from planning.ports import GRPC_PORT, HTTP_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT
from planning.settings.quantities import Cpu, Memory

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
"""Idle connections to Triton that nginx keeps, of HTTP and of gRPC each; more than 256 requests at once open more and
close them again."""

CONNECTIONS = 4096
"""Sockets of the one worker process; a request needs two, an idle client one. Where they run out, nginx closes idle
ones. Above what one GPU answers at a time; a choice of ours."""

STREAMS = 1024
"""Requests at once over one gRPC connection. nginx's own 128 would hold back a client with one channel; as many as
half the sockets would let one client take all."""

TRIES = 16
"""How often a refused request is offered to the server's pods. A Service picks one at random, the dead one as well
until its endpoint is gone: of two pods 16 tries all miss once in 65,536. A try that is refused takes no time."""

LOOKUPS = 10
"""Once a second, before nginx starts without the other pods. Triton takes seconds to start anyway. Measured on the
cluster of docs/cluster.md: a new pod's rules are there after 0.2 s, on a machine out of breath after seconds."""

TRYING_S = 5
"""After so long a request that was not sent is given up: where nodes do not refuse but are silent, 16 tries of a second
would outlast its client."""

AWAY_BEFORE_S = 1
"""Seconds before SIGTERM from which on requests go to other pods: the hooks of two containers do not end in the same
instant. Every endpoint has learned by then that this pod leaves (`Pace.pre_stop_s`), so they do not come back."""

QUIT_BEFORE_S = 1
"""Seconds before Triton's exit timeout at which nginx ends its connections to it. Triton serves gRPC for as long as an
HTTP connection is open (docs/draining.md), so what was under way at SIGTERM has the time that was planned for it."""

SCRATCH_FOLDER = "/tmp"  # noqa: S108 - a volume of the pod's own
"""The only folder that nginx writes to, and where it looks for `LEAVING`."""

LEAVING = "leaving"
"""The file there that says that the pod leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One protocol's way in: where clients come, and where Triton listens, here and in the server's other pods."""

    port: int
    triton_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """nginx beside Triton. Whole seconds; ports of the pod's."""

    http: Way
    grpc: Way
    others: str | None
    """The Service that leads past the proxies to any pod of the server. Its address is looked up when nginx starts,
    and is the Service's for as long as it exists. None: nobody to pass on to."""
    connection_age: Derived[int]
    """After so long, the next answer over a connection ends it."""
    away_after: Derived[int]
    """Counted from the pod's deletion, as preStop is: from then on requests are passed on to the other pods."""
    quit_after: Derived[int]
    """Counted likewise: then nginx closes idle connections, answers what it has, ends."""
    answer: Derived[int]
    """How long an answer may take."""


def with_proxy(cpu: Cpu, memory: Memory) -> tuple[Cpu, Memory]:
    """What a pod requests whose Triton requests so much: a node must have room for both."""
    return Cpu(cpu.millis + CPU.millis), Memory(memory.bytes + MEMORY.bytes)


def beside_proxy(cpu: Cpu, memory: Memory) -> tuple[Cpu, Memory]:
    """What a node with so much room leaves for one Triton."""
    return Cpu(max(0, cpu.millis - CPU.millis)), Memory(max(0, memory.bytes - MEMORY.bytes))


def others_service(server: str) -> str:
    return f"{server}-others"


def plan_proxy(*, server: str, connection_age_s: int, pre_stop_s: int, slowest_request_s: int) -> Proxy:
    """The proxy of `server`, whose connections live `connection_age_s`, whose preStop takes `pre_stop_s` and whose
    slowest accepted request takes `slowest_request_s`, queueing included (all from `Drain`)."""
    return Proxy(
        http=Way(port=HTTP_PORT, triton_port=TRITON_HTTP_PORT),
        grpc=Way(port=GRPC_PORT, triton_port=TRITON_GRPC_PORT),
        others=others_service(server),
        connection_age=Derived(connection_age_s, "clients must have moved to another pod before SIGTERM"),
        away_after=Derived(
            pre_stop_s - AWAY_BEFORE_S,
            f"{AWAY_BEFORE_S} s before SIGTERM: what a client that was silent asks from then on might not be answered"
            " before Triton's exit timeout is over, so another pod answers it",
        ),
        quit_after=Derived(
            pre_stop_s + slowest_request_s - QUIT_BEFORE_S,
            f"{QUIT_BEFORE_S} s before Triton's exit timeout is over: Triton serves gRPC for as long as nginx holds"
            " HTTP connections to it, and the later idle connections are closed, the fewer are left",
        ),
        answer=Derived(slowest_request_s, "the slowest accepted request must be answered"),
    )


def nginx_config(proxy: Proxy, *, address: str = "0.0.0.0", scratch: str = SCRATCH_FOLDER) -> str:  # noqa: S104 - the pod's own
    """The text of nginx.conf. `scratch` is the only folder that nginx writes to."""
    patience = proxy.answer.value + 1
    return f"""\
# Before Triton, so that clients leave a pod before it goes, and a crash costs only what was under way. Reasons:
# docs/draining.md.
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

    # From this age on the next answer ends a connection (`Connection: close`, GOAWAY): clients have moved before
    # SIGTERM.
    keepalive_time {proxy.connection_age.value}s;
    keepalive_requests 1000000000;
    # Longer than clients keep an idle connection: closing one races with a request on its way.
    keepalive_timeout {IDLE_S}s;

    # Tensors of any size, passed on as they come; Triton has its own limit.
    client_max_body_size 0;
    large_client_header_buffers 4 32k;
    ignore_invalid_headers off;
    underscores_in_headers on;

{_upstreams("http", proxy.http, proxy.others)}
{_upstreams("grpc", proxy.grpc, proxy.others)}
    server {{
        listen {address}:{proxy.http.port} backlog=1024;
{_way("http", proxy.others, scratch)}
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        # What was not sent goes elsewhere. What was sent is not repeated (a POST: no `non_idempotent` here).
        proxy_next_upstream error timeout;
        proxy_next_upstream_timeout {TRYING_S}s;
        # The slowest accepted request; between two reads, so that a stream may take longer.
        proxy_connect_timeout 1s;
        proxy_send_timeout {patience}s;
        proxy_read_timeout {patience}s;
        error_page 502 @gone;

        location / {{
            proxy_pass http://$way;
        }}

        # Of this pod's own Triton alone: who asks wants to know of this pod (the probe, load balancers).
        location /v2/health/ {{
            proxy_pass http://here_http;
        }}

        # No Triton answers. A client that is told so must connect anew, to another pod perhaps. Over the same
        # connection it would come here again, and sooner than to pods that take time to answer.
        location @gone {{
            keepalive_timeout 0;
            return 502;
        }}
    }}

    server {{
        # `http2 on` is for nginx from 1.25.1; this is understood by all.
        listen {address}:{proxy.grpc.port} http2 backlog=1024;
{_way("grpc", proxy.others, scratch)}
        http2_max_concurrent_streams {STREAMS};

        # A stream may be silent for as long as an answer may take.
        client_body_timeout {max(60, patience)}s;
        grpc_next_upstream error timeout;
        grpc_next_upstream_timeout {TRYING_S}s;
        grpc_connect_timeout 1s;
        grpc_send_timeout {patience}s;
        grpc_read_timeout {patience}s;

        location / {{
            grpc_pass grpc://$way;
        }}

        location /grpc.health.v1.Health/ {{
            grpc_pass grpc://here_grpc;
        }}
    }}
}}
"""


def _way(protocol: str, others: str | None, scratch: str) -> str:
    """Which upstream answers, as nginx's variable `$way`."""
    lines = [f"set $way {protocol};"]
    if others is not None:
        lines += [
            "# Triton here is about to be told to end, and would cut what it has not answered in time.",
            f"if (-f {scratch}/{LEAVING}) {{",
            f"    set $way away_{protocol};",
            "}",
        ]
    return "\n".join(["", *(f"        {line}" for line in lines), ""])


def _upstreams(protocol: str, way: Way, others: str | None) -> str:
    here = f"server 127.0.0.1:{way.triton_port} max_fails=0"
    elsewhere = f"server {others}:{way.triton_port} max_fails=0"
    if others is None:
        return "\n".join(_upstream(name, [f"{here};"]) for name in (f"here_{protocol}", protocol))
    return "\n".join(
        [
            _upstream(f"here_{protocol}", [f"{here};"]),
            "    # The server's other pods, tried where Triton here refuses: a Service picks one at random, so often.",
            _upstream(protocol, [f"{here};", *([f"{elsewhere} backup;"] * TRIES)]),
            _upstream(f"away_{protocol}", [*([f"{elsewhere};"] * TRIES), f"{here} backup;"]),
        ]
    )


def _upstream(name: str, servers: Sequence[str]) -> str:
    lines = [
        *servers,
        f"keepalive {UPSTREAM_CONNECTIONS};",
        "# Triton takes no new connections once it has been told to end, so those that are open are kept.",
        f"keepalive_timeout {IDLE_S}s;",
        "keepalive_requests 1000000000;",
        "keepalive_time 1d;",
    ]
    return "\n".join([f"    upstream {name} {{", *(f"        {line}" for line in lines), "    }", ""])
