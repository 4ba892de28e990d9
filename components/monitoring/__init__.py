"""Who collects which metrics."""
