"""The kinds of client that a server meets, by how they hold their connections."""

from __future__ import annotations

from enum import StrEnum


class ClientKind(StrEnum):
    """How a client holds its connections."""

    HTTP = "http"
    """A pool of kept-alive connections, as most HTTP libraries have."""
    HTTP_FRESH = "http-fresh"
    """A connection for each request."""
    GRPC = "grpc"
    """Channels, each one connection for as long as the server leaves it open."""
