"""Trade walks that fail or are killed claim only what they have, and the next run completes them.

Belongs here: the arithmetic of walks on scripted feeds, where every page boundary, shared time and identical
print can be placed at will, and real kills of real processes against the sandbox.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from echelon_pipeline.errors import VenueUnavailable
from echelon_pipeline.ingest.trades import CONFIGURED, ingest_trades
from echelon_pipeline.ingest.walk_progress import EVERYTHING
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.lake.windows import Window
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.venues.feeds import Group
from echelon_pipeline.venues.kalshi.walks import KalshiTrades
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.walks import PolymarketTrades
from echelon_pipeline_tests.rows import row, staged

DAYS = [date(2026, 11, 19), date(2026, 11, 20)]
BEGIN = datetime(2026, 11, 19, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MARKETS = 3


@dataclass(frozen=True)
class Print:
    """One trade of a scripted feed. Prints of the same second, market and value are identical."""

    second: int  # after BEGIN
    market: int = 0
    value: int = 1
    text: str | None = None  # the time as served, where it is odd

    @property
    def event_at(self) -> datetime:
        return BEGIN + timedelta(seconds=self.second)

    @property
    def instrument_id(self) -> str:
        raise AssertionError("each venue's print says this itself")

    def payload(self, _number: int) -> bytes:
        raise AssertionError("each venue's print says this itself")


class KalshiPrint(Print):
    """A match; its number makes its trade_id, so that no two are identical."""

    @property
    def instrument_id(self) -> str:
        return f"kalshi:M{self.market}"

    def payload(self, _number: int) -> bytes:
        made = {
            "trade_id": f"t{_number}",
            "ticker": f"M{self.market}",
            "count_fp": f"{self.value}.00",
            "yes_price_dollars": "0.4000",
            "no_price_dollars": "0.6000",
            "taker_outcome_side": "yes",
            "created_time": self.text or f"{self.event_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        return json.dumps(made).encode()


class PolymarketPrint(Print):
    """A taker's aggregate: prints of one second and market are of one transaction."""

    @property
    def instrument_id(self) -> str:
        return f"polymarket:0xc{self.market}"

    def payload(self, _number: int) -> bytes:
        made: dict[str, Any] = {
            "transaction_hash": f"0x{self.second}",
            "token_id": f"{self.market}00",
            "condition_id": f"0xc{self.market}",
            "proxy_wallet": "0xabc",
            "side": "BUY",
            "price": 0.4,
            "size": self.value,
            "timestamp": int(self.text) if self.text else int(self.event_at.timestamp()),
        }
        return json.dumps(made).encode()


class Script:
    """Prints from the newest to the oldest, in pages of ``size``; fails for good after ``fail_after`` pages."""

    def __init__(self, prints: Sequence[Print], size: int, fail_after: int | None = None) -> None:
        numbered = [(p, p.payload(n)) for n, p in enumerate(prints)]
        self.rows = sorted(numbered, key=lambda r: r[0].second, reverse=True)
        self.size = size
        self.left = fail_after
        self.served = 0

    async def pages(self, path: str, group: Group, end: datetime | None = None) -> AsyncIterator[Page]:
        wanted = [
            (p, payload)
            for p, payload in self.rows
            if (not group.instrument_ids or p.instrument_id in group.instrument_ids)
            and (end is None or p.event_at <= end)
        ]
        for number, start in enumerate(range(0, max(1, len(wanted)), self.size)):
            await asyncio.sleep(0)  # other walks get their turn
            if self.left is not None:
                if self.left == 0:
                    raise VenueUnavailable("the script ends here")
                self.left -= 1
            self.served += 1
            request = path + ",".join(group.native_ids) + (f"&cursor={start}" if start else "")
            objects = tuple(RawObject(payload) for _, payload in wanted[start : start + self.size])
            yield Page("trades", request, number, NOW, objects, None)


class ScriptedKalshi(KalshiTrades):
    """Kalshi's feed with bounds, one walk per ticker or one over all."""

    def __init__(self, script: Script, _settings: Settings) -> None:
        self.script = script

    def walk(self, group: Group) -> AsyncIterator[Page]:
        return self.script.pages("/markets/trades?ticker=", group, group.span[1])


class ScriptedPolymarket(PolymarketTrades):
    """Polymarket's feed without bounds, one walk per 20 conditions or one over all."""

    def __init__(self, script: Script, settings_: Settings) -> None:
        self.script = script
        self._bare = settings_.instruments_bound("polymarket") == 0
        self._now = NOW

    def walk(self, group: Group) -> AsyncIterator[Page]:
        return self.script.pages("/v2/trades?condition=", group)


FEEDS: dict[Venue, type[ScriptedKalshi | ScriptedPolymarket]] = {
    "kalshi": ScriptedKalshi,
    "polymarket": ScriptedPolymarket,
}
PRINTS: dict[Venue, type[KalshiPrint | PolymarketPrint]] = {
    "kalshi": KalshiPrint,
    "polymarket": PolymarketPrint,
}


class Scripted:
    """A home of its own and one scripted venue."""

    number: ClassVar[int] = 0

    def __init__(self, base: Path, venue: Venue, *, bound: int, flush: int) -> None:
        Scripted.number += 1
        env = {"ECHELON_MAX_INSTRUMENTS": str(bound), "ECHELON_RAW_FLUSH_OBJECTS": str(flush)}
        home = base / f"home-{Scripted.number}"
        self.settings = load_settings(
            {**env, "ECHELON_HOME": str(home), "ECHELON_NOW": NOW.isoformat(), "ECHELON_MIN_FREE_MB": "0"}
        )
        self.session = Session.of(self.settings)
        self.venue: Venue = venue
        if bound:
            self.list_markets(range(MARKETS))

    def list_markets(self, markets: Sequence[int]) -> None:
        """Puts instruments and outcomes into the lake, and says so as a listing does."""
        lake = self.session.lake
        names = [PRINTS[self.venue](0, m).instrument_id for m in markets]
        instruments = [
            row(
                "core.instruments",
                venue=self.venue,
                instrument_id=name,
                native_id=name.partition(":")[2],
                status="active",
                observed_at=NOW,
            )
            for name in names
        ]
        with self.session.unit() as unit:
            lake.merge("core.instruments", [staged(unit.scratch, "core.instruments", instruments)])
            span = (NOW, NOW)
            self.session.windows.record(
                [unit.window(self.venue, "core.instruments", f"listings:full/{unit.unit_id}", span, rows=len(names))]
            )

    def run(self, script: Script, *, refetch: bool = False) -> Counts:
        feed = FEEDS[self.venue](script, self.settings)
        return asyncio.run(ingest_trades(self.session, self.venue, feed, DAYS, refetch=refetch))

    def stored(self) -> Counter[tuple[str, datetime, int]]:
        """(instrument, time, value) of every row and how many there are; also that no key stands twice."""
        with self.session.duck() as connection:
            rows = connection.execute(
                f"SELECT instrument_id, event_at, size, trade_id FROM ({self.session.lake.scan('core.trades')})"
            ).fetchall()
        assert len({r[3] for r in rows}) == len(rows)
        return Counter((i, at.astimezone(UTC), int(size)) for i, at, size, _ in rows)

    def windows(self) -> list[Window]:
        """Complete windows; also that no key stands twice, although the clock is frozen."""
        found = self.session.windows.recorded(self.venue, "core.trades")
        keys = Counter((w.unit_id, w.scope, w.from_at, w.to_at, w.recorded_at) for w in found)
        assert max(keys.values(), default=1) == 1, keys.most_common(1)
        return [w for w in found if w.state == "complete"]

    def assert_claims_hold(self, prints: Sequence[Print]) -> None:
        """Every claimed stretch holds exactly the rows that the venue has."""
        stored, have = self.stored(), expected(prints)
        assert stored <= have
        for window in self.windows():
            among = None if window.scope in (CONFIGURED, EVERYTHING) else window.scope
            assert within(stored, window, among) == within(have, window, among), window


def expected(prints: Sequence[Print]) -> Counter[tuple[str, datetime, int]]:
    """What a clean run of both days stores."""
    return Counter(
        (p.instrument_id, p.event_at, p.value) for p in prints if p.text is None and BEGIN <= p.event_at < NOW
    )


def within(
    rows: Counter[tuple[str, datetime, int]], window: Window, instrument: str | None
) -> Counter[tuple[str, datetime, int]]:
    return Counter(
        {r: n for r, n in rows.items() if window.from_at <= r[1] < window.to_at and instrument in (None, r[0])}
    )


def prints_of(venue: Venue, points: Sequence[tuple[int, int, int]]) -> list[Print]:
    return [PRINTS[venue](second, market, value) for second, market, value in points]


BOTH = pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
# The two kinds of walks and the two venues; the other two pairs are slow tests.
WALKS = pytest.mark.parametrize(
    ("venue", "bound"),
    [
        pytest.param("kalshi", MARKETS, id="kalshi-bounded"),
        pytest.param("polymarket", 0, id="polymarket-whole feed"),
        pytest.param("kalshi", 0, id="kalshi-whole feed", marks=pytest.mark.slow),
        pytest.param("polymarket", MARKETS, id="polymarket-bounded", marks=pytest.mark.slow),
    ],
)


@WALKS
def test_rows_held_back_at_one_commit_are_taken_by_the_next(tmp_path: Path, venue: Venue, bound: int) -> None:
    prints = prints_of(venue, [(1000 * n, 0, n + 1) for n in range(12)])
    home = Scripted(tmp_path, venue, bound=bound, flush=1)
    home.run(Script(prints, size=3))
    assert home.stored() == expected(prints)


@WALKS
def test_rows_of_one_time_on_several_pages_are_all_taken(tmp_path: Path, venue: Venue, bound: int) -> None:
    points = [(5000, 0, 1)] * 5 + [(5000, 1, 2)] * 2 + [(4000, 0, 1), (6000, 2, 9), (3000, 1, 3)]
    for size in (1, 3):
        prints = prints_of(venue, points)
        home = Scripted(tmp_path, venue, bound=bound, flush=size)
        home.run(Script(prints, size=size))
        assert home.stored() == expected(prints)


@WALKS
def test_a_failing_walk_claims_what_it_has_and_the_next_completes_it(tmp_path: Path, venue: Venue, bound: int) -> None:
    prints = prints_of(venue, [(700 * (n // 3), n % MARKETS, 1 + n % 2) for n in range(60)])
    home = Scripted(tmp_path, venue, bound=bound, flush=4)
    with pytest.raises(VenueUnavailable):
        home.run(Script(prints, size=3, fail_after=9))
    home.assert_claims_hold(prints)
    assert home.windows()
    assert home.stored() < expected(prints)
    home.run(Script(prints, size=3))
    assert home.stored() == expected(prints)
    home.assert_claims_hold(prints)


@BOTH
def test_a_walk_that_ends_with_a_commit_is_claimed_once_with_its_counts(tmp_path: Path, venue: Venue) -> None:
    # Two older rows: a lone one at a page's end may have an odd time, and does not end the walk.
    prints = prints_of(venue, [(-120, 0, 2), (-60, 0, 1), *((1000 * n, 0, n + 1) for n in range(4))])
    home = Scripted(tmp_path, venue, bound=0, flush=6)
    home.run(Script(prints, size=6))
    (window,) = home.windows()
    assert (window.scope, window.from_at, window.to_at, window.rows) == (EVERYTHING, BEGIN, NOW, 4)


points = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 3, 50_000, 86_399, 86_400, 86_401, 129_599, 129_600]),
              st.integers(0, MARKETS - 1), st.integers(1, 2)),
    min_size=1, max_size=24,
)  # fmt: skip


@WALKS
@pytest.mark.parametrize("most", [4, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_however_a_walk_is_cut_no_row_is_missing_double_or_claimed_too_early(
    tmp_path: Path, venue: Venue, bound: int, most: int
) -> None:
    @settings(max_examples=most, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(points, st.integers(1, 4), st.integers(1, 9), st.lists(st.integers(0, 9), max_size=3))
    def holds(walked: list[tuple[int, int, int]], size: int, flush: int, fails: list[int]) -> None:
        """Walks that fail after so many pages, then one that does not, then all of it once more."""
        prints = prints_of(venue, walked)
        home = Scripted(tmp_path, venue, bound=bound, flush=flush)
        for pages in fails:
            try:
                home.run(Script(prints, size, fail_after=pages))
            except VenueUnavailable:
                home.assert_claims_hold(prints)
        home.run(Script(prints, size))
        home.assert_claims_hold(prints)
        assert home.stored() == expected(prints)
        again = home.run(Script(prints, size), refetch=True)
        assert (again.new.get("core.trades", 0), again.changed.get("core.trades", 0)) == (0, 0)

    holds()


@WALKS
def test_several_gaps_are_filled_without_a_double(tmp_path: Path, venue: Venue, bound: int) -> None:
    prints = prints_of(venue, [(3600 * (n // 2), n % MARKETS, 1) for n in range(60)])
    home = Scripted(tmp_path, venue, bound=bound, flush=7)
    scope = CONFIGURED if bound else EVERYTHING
    held = [(BEGIN + timedelta(hours=a), BEGIN + timedelta(hours=b)) for a, b in ((3, 6), (12, 18))]
    with home.session.unit() as unit:
        home.session.windows.record([unit.window(venue, "core.trades", scope, span) for span in held])
    home.run(Script(prints, size=4))
    # A walk may or may not read what was complete before; what lies in the gaps must all be there, once.
    missing = expected(prints) - home.stored()
    assert home.stored() <= expected(prints)
    assert all(any(b <= at < e for b, e in held) for _, at, _ in missing)


@WALKS
@pytest.mark.parametrize("place", [0, 3])
def test_an_odd_time_neither_ends_a_walk_nor_counts_as_read(
    tmp_path: Path, venue: Venue, bound: int, place: int
) -> None:
    text = "0001-01-01T00:00:00Z" if venue == "kalshi" else "99999999999999999"
    prints = prints_of(venue, [(1000 * n, 0, n + 1) for n in range(9)])
    odd = PRINTS[venue](prints[place].second, 0, 77, text)
    home = Scripted(tmp_path, venue, bound=bound, flush=2)
    counts = home.run(Script([*prints, odd], size=3))
    assert home.stored() == expected(prints)
    assert counts.new["core.dead_letters"] == 1


@WALKS
def test_a_page_that_is_read_again_for_held_rows_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: Venue, bound: int
) -> None:
    kind = PRINTS[venue]
    payload = kind.payload
    monkeypatch.setattr(kind, "payload", lambda self, number: payload(self, number)[:-1] + b', "brand_new": 1}')
    prints = prints_of(venue, [(5000, 0, n + 1) for n in range(6)])
    odd = kind(5000, 0, 77, "0001-01-01T00:00:00Z" if venue == "kalshi" else "99999999999999999")
    home = Scripted(tmp_path, venue, bound=bound, flush=2)
    counts = home.run(Script([odd, *prints], size=2))
    assert home.stored() == expected(prints)
    assert counts.dead_letters == 1
    with home.session.duck() as connection:
        (seen,) = connection.execute(
            "SELECT sum(objects), count(*) > 1, "
            "count(*) = count(DISTINCT (unit_id, endpoint, path, kind, value, page)) "
            f"FROM ({home.session.lake.scan('core.drift')}) WHERE path = 'brand_new'"
        ).fetchall()
    assert seen == (7, True, True)  # several commits, each with a key of its own


@BOTH
def test_instruments_listed_later_are_read_for_days_that_were_complete_before(tmp_path: Path, venue: Venue) -> None:
    prints = prints_of(venue, [(900 * n, n % (MARKETS + 2), 1) for n in range(40)])
    home = Scripted(tmp_path, venue, bound=MARKETS, flush=50)
    home.run(Script(prints, size=5))
    known = {PRINTS[venue](0, m).instrument_id for m in range(MARKETS)}
    assert home.stored() == Counter({r: n for r, n in expected(prints).items() if r[0] in known})
    idle = Script(prints, size=5)
    home.run(idle)
    assert idle.served == 0
    home.list_markets(range(MARKETS + 2))
    home.run(Script(prints, size=5))
    assert home.stored() == expected(prints)


@BOTH
def test_an_instrument_listed_while_a_walk_runs_is_not_claimed_by_it(tmp_path: Path, venue: Venue) -> None:
    prints = prints_of(venue, [(900 * n, n % (MARKETS + 1), 1) for n in range(40)])
    home = Scripted(tmp_path, venue, bound=MARKETS, flush=50)

    class Listing(Script):
        async def pages(self, path: str, group: Group, end: datetime | None = None) -> AsyncIterator[Page]:
            home.list_markets([MARKETS])
            async for page in super().pages(path, group, end):
                yield page

    home.run(Listing(prints, size=5))
    home.run(Script(prints, size=5))
    assert home.stored() == expected(prints)
