"""Namespaces and what may talk to what."""
