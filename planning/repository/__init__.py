"""Reading a Triton model repository, checking it, and naming what a server serves of it.

`read_repository` opens the files; everything after it is pure.
"""

from planning.repository.checks import check_repository
from planning.repository.model import EngineSource, Model, ModelFile, Repository, Tensor, Version
from planning.repository.reader import read_repository
from planning.repository.served import ServedSet, served_models

__all__ = [
    "EngineSource",
    "Model",
    "ModelFile",
    "Repository",
    "ServedSet",
    "Tensor",
    "Version",
    "check_repository",
    "read_repository",
    "served_models",
]
