"""Why something is not served on this machine."""

from __future__ import annotations


class CannotServeError(Exception):
    """One message for the user: what is wrong with which value, and what to do about it."""
