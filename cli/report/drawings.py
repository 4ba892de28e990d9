"""The page's pictures as inline SVG: the bars of a timeline, the pods of lanes.

Their colours are the style sheet's, so that they change with the scheme. Words stand beside them in HTML, not in
them, so that they stay readable however small the picture gets; what a picture shows is said in its label.
"""

from __future__ import annotations

from html import escape

from cli.report.document import LaneDrawing, Limit, Step
from cli.report.printable import printable

AXIS = 1000
"""Width of a timeline's bar in the picture's own units; it is stretched to the room that there is."""

SQUARE = 14
GAP = 4
PER_ROW = 20
MOST_SQUARES = 100


def step_bar(step: Step, end: int, kind: str) -> str:
    start, stop = AXIS * step.start // end, AXIS * step.end // end
    bar = f'<rect class="{kind}" x="{start}" y="2" width="{max(stop - start, 4)}" height="10" rx="1"/>'
    return _axis(f"{step.what}: second {step.start} to {step.end}", bar)


def limit_mark(limit: Limit, end: int) -> str:
    at = min(AXIS * limit.at // end, AXIS - 4)
    return _axis(f"{limit.what}: second {limit.at}", f'<rect class="limit" x="{at}" y="0" width="4" height="14"/>')


def _axis(label: str, mark: str) -> str:
    base = f'<rect class="axis" x="0" y="6.5" width="{AXIS}" height="1"/>'
    return (
        f'<svg class="bar" viewBox="0 0 {AXIS} 14" preserveAspectRatio="none" role="img"'
        f' aria-label="{_attribute(label)}">{base}{mark}</svg>'
    )


def squares(lane: LaneDrawing) -> str:
    """A filled square for each pod that always runs, an outlined one for each that may be added."""
    shown = min(lane.at_most, MOST_SQUARES)
    side = SQUARE + GAP
    rows = max(1, -(-shown // PER_ROW))
    kind = "spot" if lane.capacity == "spot" else "steady"
    drawn = "".join(
        f'<rect class="{kind}{"" if index < lane.at_rest else " may"}" x="{index % PER_ROW * side + 1}"'
        f' y="{index // PER_ROW * side + 1}" width="{SQUARE}" height="{SQUARE}" rx="3"/>'
        for index in range(shown)
    )
    width, height = min(max(shown, 1), PER_ROW) * side, rows * side
    label = f"{lane.name}, {lane.capacity}: {lane.at_rest} to {lane.at_most} pods"
    return (
        f'<svg class="pods" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{_attribute(label)}">{drawn}</svg>'
    )


def _attribute(text: str) -> str:
    return escape(printable(text), quote=True)
