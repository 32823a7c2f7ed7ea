"""Names of generated events and instruments: tickers, slugs, condition and token ids, and lookup by them.

Belongs here: names of both venues. Only event names are kept in memory; an instrument's name is derived from its event,
and numeric ids encode their row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from echelon_pipeline.sandbox.universe.catalog import COMBO_SERIES, SERIES
from echelon_pipeline.sandbox.universe.markets import MarketText, market_text
from echelon_pipeline.sandbox.universe.randomness import Digests, Scramble
from echelon_pipeline.sandbox.universe.universe import Event, Universe, Venue
from echelon_pipeline.sandbox.universe.wording import event_title, market_title

_EASTERN = timedelta(hours=5)  # tickers have Eastern time; standard time all year for simplicity
MARKET_ID, EVENT_ID, SERIES_ID = 500_000, 20_000, 10_000  # first Gamma ids


def slug(text: str) -> str:
    """Lower-case words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class KalshiNames:
    """Tickers. A market's ticker is its event's ticker plus a suffix; a single market has no suffix."""

    def __init__(self, universe: Universe) -> None:
        self._venue = universe.kalshi
        self._digests = universe.digests
        self._event_numbers: dict[str, int] = {}
        self.events: list[str] = []
        for number, event in enumerate(self._venue.events):
            ticker = next(t for t in self._candidates(number, event) if t not in self._event_numbers)
            self._event_numbers[ticker] = number
            self.events.append(ticker)

    def series(self, event: Event) -> str:
        return COMBO_SERIES[event.combo][0] if event.legs else SERIES[event.topic.series][1]

    def _candidates(self, number: int, event: Event) -> Iterator[str]:
        if event.legs:
            yield f"{self.series(event)}-S2026{self._digests.hex('combo', number, 6)[:11].upper()}"
        topic = event.topic
        at = datetime.fromtimestamp(topic.closes, UTC) - _EASTERN
        day = f"{at:%y%b%d}".upper()
        teams = ""
        if topic.family.pool and topic.family.style in ("game", "ladder"):
            (a, _), (b, _) = topic.sides()
            teams = a + b
        head = self.series(event)
        if topic.family.style not in ("game", "updown") and topic.family.frequency in ("monthly", "annual", "custom"):
            yield f"{head}-{day[:5]}{teams}"
        if topic.family.style not in ("game", "updown") and topic.family.frequency != "hourly":
            yield f"{head}-{day}{teams}"
        if topic.family.frequency == "hourly":
            yield f"{head}-{day}{at:%H}"
        yield f"{head}-{day}{at:%H%M}{teams}"
        yield f"{head}-{day}{at:%H%M}{teams}{number}"

    def market_text(self, i: int) -> MarketText:
        event = self._venue.event_of(i)
        return market_text(event.topic, self._venue.columns["position"][i], event.count)

    def market(self, i: int) -> str:
        number = self._venue.columns["event"][i]
        event = self._venue.events[number]
        if event.legs:
            return f"{self.events[number]}-{self._digests.hex('combo market', number, 6)[:11].upper()}"
        suffix = market_text(event.topic, self._venue.columns["position"][i], event.count).suffix
        return f"{self.events[number]}-{suffix}" if suffix else self.events[number]

    def title(self, i: int) -> str:
        return market_title(self._venue.event_of(i).topic, self.market_text(i), "kalshi")

    def find_event(self, ticker: str) -> int | None:
        return self._event_numbers.get(ticker)

    def find(self, ticker: str) -> int | None:
        """Row of a market ticker."""
        for name in (ticker, ticker.rpartition("-")[0]):
            number = self._event_numbers.get(name)
            if number is not None:
                event = self._venue.events[number]
                for i in range(event.first, event.first + event.count):
                    if self.market(i) == ticker:
                        return i
        return None


class PolymarketNames:
    """Slugs, condition ids, token ids. Conditions of ``version`` v2 have 62 hex digits; combos begin with 0x03."""

    def __init__(self, universe: Universe) -> None:
        self._venue: Venue = universe.polymarket
        self._digests: Digests = universe.digests
        self._scramble: Scramble = universe.scramble
        self._event_numbers: dict[str, int] = {}
        self.events: list[str] = []
        for number, event in enumerate(self._venue.events):
            if event.legs:  # combos have no page
                self.events.append("")
                continue
            name = slug(event_title(event.topic, "polymarket"))
            name = name if name not in self._event_numbers else f"{name}-{number}"
            self._event_numbers[name] = number
            self.events.append(name)

    def version(self, i: int) -> str:
        """Protocol v2 began in September 2026: about half of the markets created since have it."""
        if self._venue.columns["created"][i] >= 1_788_480_000 and self._venue.bits(i, 9) % 2 == 0:
            return "v2"
        return "v1"

    def condition(self, i: int) -> str:
        tail = f"{self._scramble.hide(i):08x}"
        if self._venue.event_of(i).legs:
            return f"0x03{self._digests.hex('condition', i, 26)}{tail}"
        if self.version(i) == "v2":
            return f"0x0{2 if self.neg_risk(i) else 1}{self._digests.hex('condition', i, 26)}{tail}"
        return f"0x{self._digests.hex('condition', i, 28)}{tail}"

    def token(self, i: int, outcome: int) -> str:
        number = i * 4 + outcome
        head = int(self._digests.hex("token", number, 28), 16) | 1 << 220
        return str((head << 32) + self._scramble.hide(number))

    def untraded(self, i: int) -> list[str]:
        """Protocol v1 ids of a protocol v2 market: they have no book and no trades."""
        return [str(int(self._digests.hex("untraded token", i * 2 + n, 31), 16)) for n in (0, 1)]

    def find_condition(self, condition: str) -> int | None:
        """Row of a condition id; 31-byte ids are accepted with padding too."""
        row = self._find_condition(condition)
        if row is None and len(condition) == 66 and condition.endswith("00"):
            return self._find_condition(condition[:-2])
        return row

    def _find_condition(self, condition: str) -> int | None:
        try:
            i = self._scramble.find(int(condition[-8:], 16))
        except ValueError:
            return None
        return i if i < len(self._venue) and self.condition(i) == condition else None

    def find_token(self, token: str) -> tuple[int, int] | None:
        """Row and outcome index of a token id."""
        if not token.isdigit() or len(token) > 80:
            return None
        number = self._scramble.find(int(token) & 0xFFFFFFFF)
        i, outcome = divmod(number, 4)
        return (i, outcome) if i < len(self._venue) and self.token(i, outcome) == token else None

    def question(self, i: int) -> str:
        """The question id in hex."""
        return self._digests.hex("question", i)

    def question_text(self, i: int) -> str:
        """The question of an ordinary market; of an event's only market, its title."""
        event = self._venue.event_of(i)
        if event.count == 1:
            return event_title(event.topic, "polymarket")
        return market_title(event.topic, self.market_text(i), "polymarket")

    def group(self, i: int) -> str:
        """The negative-risk market id of an instrument's event in hex."""
        return self._digests.hex("neg risk", self._venue.columns["event"][i])

    def neg_risk(self, i: int) -> bool:
        event = self._venue.event_of(i)
        return event.topic.family.style in ("field", "range") and not event.legs

    def market_text(self, i: int) -> MarketText:
        event = self._venue.event_of(i)
        return market_text(event.topic, self._venue.columns["position"][i], event.count)

    def outcomes(self, i: int) -> tuple[str, ...]:
        """Labels by outcome index; one in 300 markets has three outcomes."""
        style = self._venue.event_of(i).topic.family.style
        if style == "game":
            (_, a), (_, b) = self._venue.event_of(i).topic.sides()
            return a, b
        if style == "updown":
            return "Up", "Down"
        if self._venue.bits(i, 8) % 300 == 1:
            return "Yes", "No", "Maybe"
        return "Yes", "No"

    def slug(self, i: int) -> str:
        event = self._venue.event_of(i)
        name = self.events[self._venue.columns["event"][i]]
        return f"{name}-{slug(self.market_text(i).item)}" if event.count > 1 else name

    def find_event_slug(self, name: str) -> int | None:
        return self._event_numbers.get(name)

    def find_slug(self, name: str) -> int | None:
        """Row of a market slug: finds the longest prefix that names an event, then its market."""
        parts = name.split("-")
        for size in range(len(parts), 0, -1):
            number = self._event_numbers.get("-".join(parts[:size]))
            if number is not None:
                event = self._venue.events[number]
                for i in range(event.first, event.first + event.count):
                    if self.slug(i) == name:
                        return i
        return None
