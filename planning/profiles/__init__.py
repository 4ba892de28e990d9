"""Measured service times of models: the curve, what a batcher makes of it, and the file that keeps both."""
