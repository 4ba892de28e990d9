"""The `tritonup` command."""
