"""Topics of events, drawn from the catalogue for both venues.

Belongs here: family and subject, trading times, venues. A topic on both venues is the same question on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from echelon_pipeline.sandbox.universe.catalog import DAY, FAMILIES, HOUR, SERIES, WEIGHTS, Family
from echelon_pipeline.sandbox.universe.randomness import bits_at, salt

_BOUNDS = tuple(accumulate(WEIGHTS))
_FIRST_SERIES = {family.name: next(i for i, s in enumerate(SERIES) if s[0] is family) for family in FAMILIES}


@dataclass(frozen=True, slots=True)
class Topic:
    """Times are Unix seconds. ``series``: index into ``catalog.SERIES``. ``key``: 32 random bits."""

    number: int
    key: int
    series: int
    announced: int
    opens: int
    closes: int
    on_kalshi: bool
    on_polymarket: bool

    @property
    def family(self) -> Family:
        return SERIES[self.series][0]

    @property
    def ticker(self) -> str:
        """Kalshi's ticker of the series."""
        return SERIES[self.series][1]

    @property
    def about(self) -> str:
        return SERIES[self.series][2]

    def bits(self, purpose: int) -> int:
        """32 random bits of this topic."""
        return bits_at(self.key, purpose)

    def sides(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Two different teams (code, name)."""
        pool = self.family.pool
        a = self.bits(11) % len(pool)
        b = (a + 1 + self.bits(12) % (len(pool) - 1)) % len(pool)
        return pool[a], pool[b]


def topics(
    seed: int, now: int, *, days: int, horizon_days: int, events: int, created_by_now: bool = True
) -> Iterator[Topic]:
    """Topics until about ``events`` events exist at ``now`` on both venues together, then topics that open within the
    horizon, at the same rate."""
    count, number = 0, 0
    while count < events:
        topic = _topic(seed, number, now, days, 0)
        count += topic.on_kalshi + topic.on_polymarket
        number += 1
        yield topic
    if created_by_now and horizon_days:
        later = max(1, number * horizon_days // (days + 60))
        for extra in range(later):
            yield _topic(seed, number + extra, now, days, horizon_days)


def _topic(seed: int, number: int, now: int, days: int, horizon_days: int) -> Topic:
    key = bits_at(salt(seed, "topic"), number)
    pick = bits_at(key, 1) % _BOUNDS[-1]
    family = FAMILIES[next(i for i, bound in enumerate(_BOUNDS) if pick < bound)]
    series = _FIRST_SERIES[family.name] + bits_at(key, 2) % len(family.subjects)
    life = family.life * (50 + bits_at(key, 3) % 51) // 100
    if horizon_days:
        opens = now + 2 * HOUR + bits_at(key, 4) * (horizon_days * DAY) // 2**32
    elif bits_at(key, 5) % 100 < 15:  # keep every family represented among the markets that trade now
        opens = now - bits_at(key, 4) * life // 2**32
    elif bits_at(key, 5) % 100 >= 96:  # listed but not open yet
        opens = now + HOUR + bits_at(key, 4) * 2 * DAY // 2**32
    else:
        opens = now - bits_at(key, 4) * (days * DAY + life // 2) // 2**32
    opens = opens // 60 * 60
    closes = max(-(-(opens + life) // family.aligned) * family.aligned, opens + 900)
    venue = bits_at(key, 6) % 100
    announced = min(opens, now if not horizon_days else opens) - 600 - bits_at(key, 7) % HOUR
    return Topic(number, key, series, announced, opens, closes, venue < 65, venue < 30 or venue >= 65)
