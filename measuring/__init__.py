"""Load that tells the truth: arrival times fixed beforehand, every request recorded, nothing retried."""
