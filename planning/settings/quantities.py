"""Values with a unit or a syntax of their own: amounts of memory and of processor time, lengths of time.

Each is parsed from what people write in Kubernetes ("8Gi", "500m", "20s") and prints the same way, so that
a finding quotes what the user wrote. A bare number where a unit is needed is refused.

pydantic is imported where it asks for them: the program that every pod begins with (`models pull`) prints amounts and
holds keys, and pydantic would be half of its start.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema, SchemaSerializer

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


class NotOneError(ValueError):
    """What was written is no value of a scalar. `meant` are values that it may stand for."""

    def __init__(self, refusal: str, meant: Sequence[str]) -> None:
        super().__init__(refusal)
        self.meant = tuple(meant)


class Scalar(ABC):
    """A value written as text. A subclass parses and prints it, and says what it looks like."""

    pattern: ClassVar[str]
    example: ClassVar[str]
    meaning: ClassVar[str]

    __pydantic_serializer__: ClassVar[SchemaSerializer]

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """The value that `text` states; `text` matches the pattern already."""

    @classmethod
    def refusal(cls) -> str:
        return f"must be {cls.meaning}, such as {cls.example}"

    @classmethod
    def meant(cls, text: str) -> Sequence[str]:  # noqa: ARG003 - for those with units
        """What may be meant by `text`, which is no such value."""
        return ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import SchemaSerializer, core_schema

        printed = core_schema.to_string_ser_schema()
        # Where pydantic meets one outside of a field (a default in the JSON schema), it is text there too.
        cls.__pydantic_serializer__ = SchemaSerializer(core_schema.any_schema(serialization=printed))

        def validate(value: object) -> Self:
            if isinstance(value, cls):
                return value
            if not isinstance(value, str) or not re.fullmatch(cls.pattern, value):
                raise NotOneError(cls.refusal(), cls.meant(str(value)))
            return cls.parse(value)

        return core_schema.no_info_plain_validator_function(validate, serialization=printed)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, Any]:  # pydantic's
        return {"type": "string", "pattern": f"^(?:{cls.pattern})$", "examples": [cls.example]}


@total_ordering
@dataclass(frozen=True, slots=True)
class Memory(Scalar):
    """An amount of memory or storage in bytes, written as a Kubernetes quantity."""

    bytes: int

    pattern: ClassVar[str] = r"[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)"
    example: ClassVar[str] = "8Gi"
    meaning: ClassVar[str] = "an amount of memory with its unit (Ki, Mi, Gi, Ti, k, M, G or T)"

    @classmethod
    def parse(cls, text: str) -> Memory:
        digits, unit = re.fullmatch(r"([0-9]+)([a-zA-Z]*)", text).groups()  # pyright: ignore[reportOptionalMemberAccess] - the pattern was checked
        return cls(int(digits) * _UNITS[unit])

    @classmethod
    def meant(cls, text: str) -> Sequence[str]:
        found = re.fullmatch(r"([1-9][0-9]*) ?(?:([kmgt])(i?)b?)?", text, re.IGNORECASE)
        if found is None:
            return ()
        digits, unit, binary = found[1], (found[2] or "G").upper(), found[3]
        return [f"{digits}{unit}i", *([] if binary or not found[2] else [f"{digits}{'k' if unit == 'K' else unit}"])]

    def __str__(self) -> str:
        for unit in ("Ti", "Gi", "Mi", "Ki", "T", "G", "M", "k"):
            if self.bytes and self.bytes % _UNITS[unit] == 0:
                return f"{self.bytes // _UNITS[unit]}{unit}"
        return str(self.bytes)

    def __lt__(self, other: Memory) -> bool:
        return self.bytes < other.bytes

    @classmethod
    def mebibytes(cls, count: float) -> Memory:
        """`count` MiB, rounded up to whole ones."""
        return cls(-int(-count // 1) * 2**20)

    def readable(self) -> str:
        """For people: at most one decimal, in the largest unit that keeps it above 1."""
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if self.bytes >= size:
                return f"{self.bytes / size:.1f} {unit}".replace(".0 ", " ")
        return f"{self.bytes} B"


@total_ordering
@dataclass(frozen=True, slots=True)
class Cpu(Scalar):
    """Processor time in thousandths of a core, written as a Kubernetes quantity."""

    millis: int

    pattern: ClassVar[str] = r"[1-9][0-9]*m?"
    example: ClassVar[str] = '"4" or 500m'
    meaning: ClassVar[str] = "processor cores as text"

    @classmethod
    def parse(cls, text: str) -> Cpu:
        return cls(int(text[:-1])) if text.endswith("m") else cls(int(text) * 1000)

    @classmethod
    def meant(cls, text: str) -> Sequence[str]:
        found = re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text)
        cores = str(cls(round(float(text) * 1000))) if found and float(text) else None
        return [] if cores is None else [cores if cores.endswith("m") else f'"{cores}"']

    def __str__(self) -> str:
        return f"{self.millis}m" if self.millis % 1000 else str(self.millis // 1000)

    def __lt__(self, other: Cpu) -> bool:
        return self.millis < other.millis


@total_ordering
@dataclass(frozen=True, slots=True)
class Duration(Scalar):
    """A length of time in milliseconds, written with its unit: ms, s, m or h."""

    millis: int

    pattern: ClassVar[str] = r"[1-9][0-9]*(ms|s|m|h)"
    example: ClassVar[str] = "20s"
    meaning: ClassVar[str] = "a length of time with its unit (ms, s, m or h)"

    @classmethod
    def parse(cls, text: str) -> Duration:
        digits, unit = re.fullmatch(r"([0-9]+)([a-z]+)", text).groups()  # pyright: ignore[reportOptionalMemberAccess] - the pattern was checked
        return cls(int(digits) * {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}[unit])

    @classmethod
    def meant(cls, text: str) -> Sequence[str]:
        found = re.fullmatch(r"([1-9][0-9]*) ?(?:(ms|s|m|h)[a-z]*)?", text)
        return [f"{found[1]}{found[2] or 's'}"] if found else []

    @classmethod
    def of_seconds(cls, seconds: int) -> Duration:
        return cls(seconds * 1000)

    @property
    def seconds(self) -> int:
        """Whole seconds, rounded up: Kubernetes and Triton take no fractions where these go."""
        return -(-self.millis // 1000)

    def __str__(self) -> str:
        for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
            if self.millis and self.millis % size == 0:
                return f"{self.millis // size}{unit}"
        return f"{self.millis}ms"

    def __lt__(self, other: Duration) -> bool:
        return self.millis < other.millis
