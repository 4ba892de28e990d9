"""A profile in words and in a terminal's characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from measuring.profile.search import GREATEST_LOAD
from planning.profiles.file import Advice, Measured, Processor, Profile, Setting

BAR = 40
"""Characters of the longest bar."""

AIM = 0.1
"""Of the held-out error of the tail: above it the proposal is to be measured before it is believed."""


def heading(profile: Profile) -> str:
    return f"Profile of {profile.model}"


def hardware(profile: Profile) -> str:
    on = profile.hardware
    where = f"{on.cores} cores of {on.name}" if isinstance(on, Processor) else on.gpu
    release = f" (release {profile.server.release})" if profile.server.release else ""
    return f"Measured {profile.measured_on} on {where}, Triton {profile.server.version}{release}."


def sentences(one: Measured, percentile: float) -> Iterator[str]:
    """What was fitted, and by how much it misses what was held out."""
    yield (
        f"An execution of n requests takes {_ms(one.a)} + n x {_ms(one.b)}"
        f" (standard errors {_ms(one.a_error)} and {_ms(one.b_error)});"
        f" {_share(one.curve_error)} off on the half that was held out."
    )
    yield (
        f"It answered {one.saturation:.0f} requests a second while more were waiting. The predicted p{percentile:g} is"
        f" {_share(one.latency_error)} off on the loads held out, up to {GREATEST_LOAD:.0%}."
    )


def proposal(advice: Advice) -> str:
    promise = f"p{advice.percentile:g} within {_ms(advice.within)}"
    now = f"{advice.now.rate:.0f} requests a second" if advice.now.rate else "no rate"
    if advice.best == advice.now:
        return f"For {promise} nothing is better than the config as it is: it is predicted to answer {now}."
    gain = f", {advice.best.rate / advice.now.rate:.2f} times as many" if advice.now.rate else ""
    return (
        f"For {promise} the config as it is is predicted to answer {now}; with {_setting(advice.best)},"
        f" {advice.best.rate:.0f} requests a second{gain}."
    )


def caution(measured: Sequence[Measured]) -> str | None:
    """Why the proposal is not to be believed before it is measured; None where the prediction held."""
    worst = max((one.latency_error for one in measured if one.latency_error is not None), default=None)
    if worst is None or worst <= AIM:
        return None
    return (
        f"The predicted tail is {worst:.0%} off on loads that were held out, and {AIM:.0%} is what is aimed at: measure"
        " the proposal before you believe its figures, on a machine that does nothing else."
    )


def bars(one: Measured) -> Iterator[str]:
    """The service curve, a line for each batch size; a mark where the fit says."""
    longest = max(max(point.seconds, one.a + one.b * point.batch) for point in one.curve)
    for point in sorted(one.curve, key=lambda point: (point.batch, point.held_out)):
        here, says = (round(BAR * each / longest) for each in (point.seconds, one.a + one.b * point.batch))
        drawn = list("█" * here + " " * (BAR - here + 1))
        drawn[says] = "┃"
        note = "held out" if point.held_out else ""
        yield f"{point.batch:>4} {''.join(drawn)} {_ms(point.seconds):>9}  {note}".rstrip()


def loads(one: Measured) -> Iterator[str]:
    """The tail at each load, as measured and as predicted."""
    for point in one.latency:
        note = "  held out" if point.held_out else ""
        if point.interrupted and point.interrupted > (1 + AIM) * point.measured:
            note += f"  {_ms(point.interrupted)} with what interrupted this machine"
        yield (
            f"{point.load:>4.0%} {point.rate:>7.0f}/s  measured {_ms(point.measured):>9}"
            f"  predicted {_ms(point.predicted):>9}{note}"
        )


def _setting(setting: Setting) -> str:
    count = f"{setting.instances} instance{'s' if setting.instances > 1 else ''}"
    if setting.greatest == 1:
        return f"{count} and no dynamic batching"
    waits = f"a queue delay of {_ms(setting.delay)}" if setting.delay else "no queue delay"
    return f"{count}, dynamic batching and {waits}" + ("" if setting.prefetches else ", priorities kept")


def _ms(seconds: float) -> str:
    millis = seconds * 1e3
    return f"{millis:.3g} ms" if millis < 999.5 else f"{millis:,.0f} ms"


def _share(error: float | None) -> str:
    return "an unknown part" if error is None else f"{error:.1%}"
