"""Why there is no cluster."""

from __future__ import annotations


class ClusterError(Exception):
    """One message for the user: what is wrong with which value, and what to do about it."""
