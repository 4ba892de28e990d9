"""The Pulumi engine, run for `make up` with a backend, a home and secrets of its own."""
