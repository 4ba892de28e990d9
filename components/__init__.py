"""Translating pieces of a plan into resources. Nothing is decided here."""
