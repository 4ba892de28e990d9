"""Where a Job's containers find what they hand to each other: one volume, with a model repository of two models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from planning.engines.orders import BuildOrder

ORIGINAL, ENGINE = "original", "engine"
"""The models that Triton serves for the comparison: the ONNX file, and the engine that was built from it."""

PLAN = "model.plan"


@dataclass(frozen=True, slots=True)
class Workplace:
    root: PurePosixPath

    @property
    def fetched(self) -> PurePosixPath:
        return self.root / "fetched"

    @property
    def repository(self) -> PurePosixPath:
        return self.root / "repository"

    @property
    def already(self) -> PurePosixPath:
        """There where the engine is published already, and nothing is left to do."""
        return self.root / "already-published"

    def onnx(self, order: BuildOrder) -> PurePosixPath:
        return self.repository / ORIGINAL / "1" / PurePosixPath(order.source).name

    @property
    def plan(self) -> PurePosixPath:
        return self.repository / ENGINE / "1" / PLAN
