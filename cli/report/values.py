"""The values of a report: each as data with its unit, and as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from planning.settings.quantities import Cpu, Memory
from planning.wording import counted

Data = None | bool | int | float | str | list["Data"] | dict[str, "Data"]

UNKNOWN = "unknown"
"""What nobody found out, as people read it; in data it is null."""

LONG_S = 180
"""From here on seconds are given in minutes too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """`data` is what a program reads, in `unit` (which becomes the end of its key); `text` is what people read.
    `code` is text that is typed or copied as it stands."""

    data: Data
    text: str
    unit: str = ""
    code: bool = False


def words(text: str | None) -> Value:
    return Value(data=text, text=UNKNOWN if text is None else text)


def code(text: str) -> Value:
    return Value(data=text, text=text, code=True)


def count(number: int) -> Value:
    return Value(data=number, text=f"{number:,}")


def pods(number: int) -> Value:
    return Value(data=number, text=counted(number, "pod"), unit="pods")


def absent(unit: str = "", text: str = UNKNOWN) -> Value:
    """A value of `unit` that is not there; `text` says how."""
    return Value(data=None, text=text, unit=unit)


def seconds(number: int) -> Value:
    minutes = f" ({number / 60:.0f} min)" if number >= LONG_S else ""
    return Value(data=number, text=f"{number} s{minutes}", unit="seconds")


def size(amount: int | Memory) -> Value:
    memory = Memory(amount) if isinstance(amount, int) else amount
    return Value(data=memory.bytes, text=memory.readable(), unit="bytes")


def cores(cpu: Cpu) -> Value:
    return Value(data=cpu.millis, text=f"{cpu.millis / 1000:g}", unit="millicores")


def percent(number: float) -> Value:
    return Value(data=number, text=f"{number:g} %", unit="percent")


def price_per_hour(amount: Decimal | None) -> Value:
    """Of one machine, as far as the figure goes: such prices have fractions of a cent."""
    if amount is None:
        return absent("usd")
    return Value(data=float(amount), text=f"${_exact(amount)}", unit="usd")


def cost(hour: Decimal | None, hours_per_month: int) -> Value:
    """Of an hour to the cent, and of a month in whole dollars: no month is known to the cent."""
    if hour is None:
        return absent("usd")
    month = (hour * hours_per_month).quantize(Decimal(1), ROUND_HALF_UP)
    data: dict[str, Data] = {"per_hour": float(hour), "per_month": int(month)}
    return Value(data=data, text=f"${hour:,.2f} an hour (${month:,} a month)", unit="usd")


def resources(cpu: Cpu, memory: Memory) -> Value:
    data: dict[str, Data] = {"cpu_millicores": cpu.millis, "memory_bytes": memory.bytes}
    return Value(data=data, text=f"{cores(cpu).text} CPU, {size(memory).text}")


def names(items: Sequence[str], *, none: str = "none") -> Value:
    return Value(data=list(items), text=", ".join(items) or none)


def span(least: int, most: int) -> Value:
    text = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return Value(data={"least": least, "most": most}, text=text)


def counted_span(least: int, most: int, noun: str) -> str:
    """`3 pods`, `8 to 16 pods`."""
    return counted(least, noun) if least == most else f"{least:,} to {counted(most, noun)}"


def _exact(amount: Decimal) -> str:
    exponent = amount.normalize().as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{amount:,.{decimals}f}"
