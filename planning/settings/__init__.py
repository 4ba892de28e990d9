"""What is wanted: the typed settings of a stack file (`root`), and reading them with every error at once (`reading`).

Nothing is imported here: who needs one block of the settings does not wait for the others.
"""
