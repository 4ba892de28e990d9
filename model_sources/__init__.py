"""What the models of `model_repository/` are made from: training, export and assembly.

Nothing here runs when a server starts: `make models` and `make train` call it, and what it writes is what
Triton reads.
"""
