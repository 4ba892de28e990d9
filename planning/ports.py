"""The ports of a server's pod."""

from __future__ import annotations

HTTP_PORT = 8000
GRPC_PORT = 8001
"""Where clients come in: the proxy before Triton (planning/proxy.py). Triton's usual ports."""

METRICS_PORT = 8002

TRITON_HTTP_PORT = 8080
TRITON_GRPC_PORT = 8081
"""Triton's own, behind the proxy. Its probes are asked here, so that they do not depend on the proxy, and the proxies
of the server's other pods come here with what theirs cannot serve."""
