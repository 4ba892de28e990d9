"""The ports of a server's pod."""

from __future__ import annotations

HTTP_PORT = 8000
"""Where HTTP clients come in: the proxy before Triton (planning/proxy.py). Triton's usual port."""

TRITON_HTTP_PORT = 8080
"""Triton's own HTTP server, behind the proxy; its probes are asked here, so that they do not depend on the proxy."""

GRPC_PORT = 8001
METRICS_PORT = 8002
