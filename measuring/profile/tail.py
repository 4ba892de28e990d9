"""The tail of a load: what it is of the model and its queue, beside what it is with all that interrupted the machine.

A hypervisor's other guest, or a daemon, stops a server now and then, for a tenth of a second or for some. The hundredth
of the requests that decides a p99 is then that interruption's, and another measurement finds another one: no curve of
the model foresees it. So a load is cut into slices of time, and the middle one of their tails is taken: what
interrupted fewer than half of them does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

MOST_SLICES = 9

BEYOND = 2
"""Requests of a slice that are above its percentile, at the least: of fewer it would be its greatest."""


def undisturbed(latencies: Sequence[float] | NDArray[np.float64], of: float) -> float:
    """Percentile `of` of latencies in the order of their requests: the median of an odd number of slices, of one slice
    where they are few."""
    every = np.asarray(latencies, dtype=np.float64)
    most = min(MOST_SLICES, every.size // ceil(BEYOND / (1 - of / 100)))
    slices = np.array_split(every, max(1, most - (most % 2 == 0)))
    return float(np.median([np.percentile(one, of) for one in slices]))
