"""Models from this machine to where servers read them, and back: push, pull, verify, compare, list, retire.

The only room that talks to object stores. What is served and under which digest is planned (`planning/repository`).
"""
