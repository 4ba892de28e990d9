"""How long a model takes by its batch, and how long requests wait for it: measured on a running Triton."""
