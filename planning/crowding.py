"""Who asks for more than there is, where each may be served from some places and not from others.

Comparing sums is not enough: three askers of one can be refused by places a, b and c although d is free, because
none of them may go there. By Hall's theorem everybody is served unless some askers can only go to places that
together hold less than these ask for; a maximum flow (Edmonds and Karp, 1972) finds just those.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Crowd = tuple[frozenset[str], frozenset[str]]
"""Askers, and the places that are all they may be served from and hold too little for them."""


def crowds(asked: Mapping[str, int], reach: Mapping[str, Sequence[str]], held: Mapping[str, int]) -> tuple[Crowd, ...]:
    """Every crowd that keeps somebody from being served; none where all are.

    `asked` by asker, `reach` the places of each asker, `held` by place.
    """
    flow = _Flow(reach=reach, free=dict(held))
    found: dict[frozenset[str], frozenset[str]] = {}
    for asker, amount in asked.items():
        left = amount
        while left:
            search = flow.search(asker)
            if search.end is None:
                places = frozenset(search.met)
                found[places] = found.get(places, frozenset()) | frozenset(search.came)
                break
            left -= flow.carry(search, search.end, left)
    return tuple((askers, places) for places, askers in found.items())


@dataclass(slots=True)
class _Search:
    """`met`: places, each with the asker from whom it was reached. `came`: askers, each with the place that it
    would have to leave, None for the one who asks. `end`: a place that has something free."""

    came: dict[str, str | None]
    met: dict[str, str] = field(default_factory=dict[str, str])
    end: str | None = None


@dataclass(slots=True)
class _Flow:
    reach: Mapping[str, Sequence[str]]
    free: dict[str, int]
    carried: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    """By place and asker; only what is above 0."""

    def search(self, asker: str) -> _Search:
        """The shortest way from `asker` to a free place, others moving along; or all that can be reached."""
        search = _Search(came={asker: None})
        ahead = deque([asker])
        while ahead:
            here = ahead.popleft()
            for place in self.reach[here]:
                if place in search.met:
                    continue
                search.met[place] = here
                if self.free[place]:
                    search.end = place
                    return search
                for other in self.carried.get(place, {}):
                    if other not in search.came:
                        search.came[other] = place
                        ahead.append(other)
        return search

    def carry(self, search: _Search, end: str, most: int) -> int:
        """Serve up to `most` along the way that was found; how much."""
        way: list[tuple[str, str, str | None]] = []  # an asker, the place that it goes to, the one that it leaves
        place: str | None = end
        while place is not None:
            asker = search.met[place]
            leaves = search.came[asker]
            way.append((asker, place, leaves))
            place = leaves
        amount = min(most, self.free[end], *(self.carried[left][asker] for asker, _, left in way if left is not None))
        self.free[end] -= amount
        for asker, to, leaves in way:
            there = self.carried.setdefault(to, {})
            there[asker] = there.get(asker, 0) + amount
            if leaves is not None:
                self.carried[leaves][asker] -= amount
                if not self.carried[leaves][asker]:
                    del self.carried[leaves][asker]
        return amount
