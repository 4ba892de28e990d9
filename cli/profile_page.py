"""A profile as one HTML page that needs nothing else: the service curve, the tail of latency by load, the proposal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from cli.profile_text import hardware, heading, proposal, sentences
from planning.profiles.file import Measured, Profile

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 44
TICKS = 5

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

STYLE = """\
:root { color-scheme: light dark; --ink: #1b2129; --quiet: #5b6673; --line: #dfe3e8; --page: #fff; --is: #2563a8;
  --says: #b45309; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ed; --quiet: #9aa6b4; --line: #323b46; --page: #14181d; --is: #6aa5e6; --says: #e8a05a; }
}
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1.5rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
svg { width: 100%; height: auto; }
svg text { font-size: 13px; fill: var(--quiet); }
.axis { stroke: var(--line); }
.known { fill: var(--is); }
.out { fill: var(--page); stroke: var(--is); stroke-width: 2; }
.says { fill: none; stroke: var(--says); stroke-width: 2; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid var(--line); }
"""


@dataclass(frozen=True, slots=True)
class Dot:
    """`held_out` is drawn hollow."""

    x: float
    y: float
    held_out: bool


def profile_page(profile: Profile, diff: str) -> str:
    return "\n".join((*_lines(profile, diff), ""))


def _lines(profile: Profile, diff: str) -> Iterator[str]:
    title = escape(heading(profile))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>"
    yield f"<h1>{title}</h1>\n<p>{escape(hardware(profile))}</p>"
    for one in profile.measured:
        yield f"<h2>{one.instances} instance{'s' if one.instances > 1 else ''}</h2>"
        yield from (f"<p>{escape(sentence)}</p>" for sentence in sentences(one, profile.advice.percentile))
        yield curve_svg(one)
        yield latency_svg(one, profile.advice.percentile)
    yield "<p>Filled dots were fitted to, hollow ones held out; the line is what the fit says.</p>"
    yield f"<h2>Proposal</h2>\n<p>{escape(proposal(profile.advice))}</p>"
    if diff:
        yield f"<pre>{escape(diff)}</pre>"
    yield "</body>\n</html>"


def curve_svg(one: Measured) -> str:
    """Milliseconds of an execution by its batch."""
    dots = [Dot(point.batch, point.seconds * 1e3, point.held_out) for point in one.curve]
    most = max(dot.x for dot in dots)
    line = [(x, (one.a + one.b * x) * 1e3) for x in (0.0, float(most))]
    return _plot(dots, line, "requests in a batch", "ms an execution")


def latency_svg(one: Measured, percentile: float) -> str:
    """Milliseconds of the tail by load."""
    dots = [Dot(point.load * 100, point.measured * 1e3, point.held_out) for point in one.latency]
    line = [(point.load * 100, point.predicted * 1e3) for point in one.latency]
    return _plot(dots, line, "% of saturation", f"p{percentile:g} in ms")


def _plot(dots: Sequence[Dot], line: Sequence[tuple[float, float]], across: str, up: str) -> str:
    greatest_x = max(1e-9, *(dot.x for dot in dots), *(x for x, _ in line))
    greatest_y = 1.05 * max(1e-9, *(dot.y for dot in dots), *(y for _, y in line))

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + x / greatest_x * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - y / greatest_y * (HEIGHT - TOP - BOTTOM),
        )

    drawn: list[str] = []
    for tick in range(TICKS + 1):
        x, y = greatest_x * tick / TICKS, greatest_y * tick / TICKS
        (px, base), (left, py) = at(x, 0), at(0, y)
        drawn.append(f'<line class="axis" x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{py:.1f}" y2="{py:.1f}"/>')
        drawn.append(f'<text x="{px:.1f}" y="{base + 18:.1f}" text-anchor="middle">{x:.3g}</text>')
        drawn.append(f'<text x="{left - 8:.1f}" y="{py + 4:.1f}" text-anchor="end">{y:.3g}</text>')
    drawn.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>')
    drawn.append(f'<text x="4" y="12">{escape(up)}</text>')
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (at(x, y) for x, y in line))
    drawn.append(f'<polyline class="says" points="{path}"/>')
    for dot in dots:
        px, py = at(dot.x, dot.y)
        drawn.append(f'<circle class="{"out" if dot.held_out else "known"}" cx="{px:.1f}" cy="{py:.1f}" r="4"/>')
    label = escape(f"{up} by {across}", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(drawn)}</svg>'
