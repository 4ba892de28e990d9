"""Measured service times of models: the file that keeps them, and whether it is of what is served."""
