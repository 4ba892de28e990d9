"""Inference servers and how they are reached."""
