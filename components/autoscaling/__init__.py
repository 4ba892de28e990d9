"""Scalers."""
