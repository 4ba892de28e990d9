"""The plot: a dot for each run, what it lost on a logarithmic axis that begins with 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH = 860
LEFT = 330
RIGHT = 30
TOP = 64
ROW = 24
GAP = 40
DOT = 4.5
DODGE = 3.2

COLOURS = ("c0", "c1", "c2", "c3", "c4")

STYLE = """\
    text { font: 14px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1b2430; }
    .b { font-weight: 600; font-size: 15px; }
    .s { font-size: 13px; }
    .n, .n text { fill: #6b7684; }
    .g { stroke: #d5dbe2; stroke-width: 1; }
    .z { stroke: #8a97a6; stroke-width: 1; }
    .c0 { fill: #2f8f57; } .c1 { fill: #c2571a; } .c2 { fill: #2f6fbe; } .c3 { fill: #8a4fb0; } .c4 { fill: #8a6d1f; }
    circle { fill-opacity: 0.75; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e4e9f0; }
      .n, .n text { fill: #8d98a5; }
      .g { stroke: #333d49; }
      .z { stroke: #6d7a89; }
      .c0 { fill: #58c288; } .c1 { fill: #f0925a; } .c2 { fill: #6fa8ef; } .c3 { fill: #c08ae3; } .c4 { fill: #d0b053; }
    }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    label: str
    lost: Sequence[int]


def plot(groups: Mapping[str, Sequence[Row]], *, title: str, axis: str) -> str:
    """An SVG. `groups` by their headings; the n-th row of each group has the n-th colour."""
    greatest = max((lost for rows in groups.values() for row in rows for lost in row.lost), default=1)
    decades = max(1, int(log10(max(greatest, 1))) + 1)
    height = TOP + sum(GAP + ROW * len(rows) for rows in groups.values()) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img" aria-labelledby="title">',
        f'  <title id="title">{escape(title)}</title>',
        f"  <style>\n{STYLE}  </style>",
        f'  <text class="n s" x="{LEFT}" y="20">{escape(axis)}</text>',
    ]
    ticks = [0, *(10**power for power in range(decades + 1))]
    for tick in ticks:
        x = _x(tick, decades)
        lines.append(f'  <text class="n s" x="{x:.1f}" y="42" text-anchor="middle">{tick:,}</text>')
        kind = "z" if tick == 0 else "g"
        lines.append(f'  <line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="50" y2="{height - 20}"/>')
    y = TOP
    for heading, rows in groups.items():
        y += GAP
        lines.append(f'  <text class="b" x="10" y="{y - 14}">{escape(heading)}</text>')
        for row, colour in zip(rows, COLOURS, strict=False):
            lines.append(f'  <text class="s" x="24" y="{y + 9}">{escape(row.label)}</text>')
            lines += [
                f'  <circle class="{colour}" cx="{x:.1f}" cy="{cy:.1f}" r="{DOT}"/>' for x, cy in _dots(row, y, decades)
            ]
            y += ROW
    return "\n".join([*lines, "</svg>", ""])


def _x(lost: int, decades: int) -> float:
    """0 stands for itself, a step before 1; each power of ten is a step more."""
    step = (WIDTH - LEFT - RIGHT) / (decades + 1)
    return LEFT + (0 if lost == 0 else step * (1 + log10(lost)))


def _dots(row: Row, y: float, decades: int) -> list[tuple[float, float]]:
    """Runs that lost the same stand one above the other, slightly."""
    seen: dict[int, int] = {}
    dots: list[tuple[float, float]] = []
    for lost in row.lost:
        place = seen.get(lost, 0)
        seen[lost] = place + 1
        side = (place + 1) // 2 * (1 if place % 2 else -1)
        dots.append((_x(lost, decades), y + 4 + DODGE * side))
    return dots
