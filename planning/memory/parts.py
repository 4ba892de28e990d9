"""An estimate of memory: named parts, each with its error and the source of both."""

from __future__ import annotations

import math
from dataclasses import dataclass

from planning.settings.quantities import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """In bytes: `size`, give or take `error`. `source` is one clause that says where the two are from. `asked`: it is
    taken by requests, and not before."""

    name: str
    size: int
    error: int
    source: str
    asked: bool = False

    def __str__(self) -> str:
        return f"{self.name} {Memory(self.size).readable()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The sum of `parts`. Their errors have different causes, so they add up as independent ones do. `loading`: bytes
    beside them while models are loaded, and given back before the first request."""

    parts: tuple[Part, ...]
    loading: int = 0

    @property
    def value(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def error(self) -> int:
        return math.isqrt(sum(part.error**2 for part in self.parts))

    @property
    def most(self) -> int:
        """What has to be there so that it fits, at every time."""
        loading = sum(part.size for part in self.parts if not part.asked) + self.loading
        return max(self.value, loading) + self.error

    @property
    def because(self) -> str:
        """One clause that completes "it is so because …"."""
        listed = ", ".join(str(part) for part in self.parts if part.size or part.error)
        return f"{listed}; give or take {Memory(self.error).readable()}" if self.error else listed


def exactly(name: str, size: int, source: str) -> Part:
    return Part(name=name, size=size, error=0, source=source)
