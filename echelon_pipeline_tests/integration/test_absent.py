"""What a venue does not have: the rest is read and claimed, the missing part is neither hidden nor fatal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from echelon_pipeline.errors import EchelonError, NotAvailable, NotFound
from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.prices import ingest_prices
from echelon_pipeline.ingest.trades import day_span, ingest_trades, targets
from echelon_pipeline.ingest.unavailable import means_unavailable, window_state
from echelon_pipeline.lake.session import Counts, Session
from echelon_pipeline.lake.windows import Span
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.venues.feeds import Group, PriceRequest, PriceTarget
from echelon_pipeline.venues.http import Policy, VenueHttp
from echelon_pipeline.venues.kalshi.client import KalshiClient
from echelon_pipeline.venues.kalshi.cutoff import cutoff_of
from echelon_pipeline.venues.kalshi.walks import KalshiPrices, KalshiTrades
from echelon_pipeline.venues.page import Page
from echelon_pipeline_tests.pipeline import days_of, settings_for

TRADES, PRICES = "core.trades", "core.daily_prices"


class LackingTrades(KalshiTrades):
    """The feed, with an error in place of one ticker's trades (of everything where the ticker is empty)."""

    lacking: str = ""
    error: NotFound = NotFound("404 not found")

    async def walk(self, group: Group) -> AsyncIterator[Page]:
        if self.lacking in group.native_ids or not self.lacking:
            raise self.error
        async for page in super().walk(group):
            yield page


class LackingPrices(KalshiPrices):
    """Candles, with one ticker asked for alone as if it were archived, and unknown to the venue."""

    lacking: str = ""

    def requests(self, targets: Sequence[PriceTarget], span: Span) -> Iterable[PriceRequest]:
        for target in targets:
            if target.native_id == self.lacking:
                yield PriceRequest((target,), span)
        yield from super().requests([t for t in targets if t.native_id != self.lacking], span)

    async def fetch(self, request: PriceRequest) -> AsyncIterator[Page]:
        if request.targets[0].native_id == self.lacking:
            raise NotFound("404 not found")
        async for page in super().fetch(request):
            yield page


def listed(home: Path, sandbox: SandboxProcess, **more: str) -> tuple[Session, list[date]]:
    """A home with Kalshi's instruments, and the three days before today."""
    session = Session.of(settings_for(home, sandbox.env(), **more))
    main.fetch(session, "kalshi")
    main.derive(session, "kalshi")
    return session, days_of(session.settings, 3)[:-1]


def read_trades(session: Session, days: list[date], lacking: str | None, error: NotFound | None = None) -> Counts:
    async def go() -> Counts:
        async with KalshiClient(session.settings) as client:
            cutoff = await cutoff_of(client)
            if lacking is None:
                return await ingest_trades(session, "kalshi", KalshiTrades(client, cutoff), days)
            feed = LackingTrades(client, cutoff)
            feed.lacking, feed.error = lacking, error or feed.error
            return await ingest_trades(session, "kalshi", feed, days)

    return asyncio.run(go())


def read_prices(session: Session, days: list[date], lacking: str) -> Counts:
    async def go() -> Counts:
        async with KalshiClient(session.settings) as client:
            feed = LackingPrices(client, session.settings, await cutoff_of(client))
            feed.lacking = lacking
            return await ingest_prices(session, "kalshi", feed, days)

    return asyncio.run(go())


def ask(session: Session, table: str, query: str) -> list[tuple[Any, ...]]:
    with session.duck() as connection:
        return connection.execute(query.replace("rows", f"({session.lake.scan(table)})")).fetchall()


def wanted(session: Session, days: list[date]) -> set[str]:
    return {native for _, native, _ in targets(session, "kalshi", day_span(days, session.clock()), refetch=False)}


def most_traded(session: Session) -> str:
    """The native id of the instrument with most trades."""
    query = "SELECT instrument_id FROM rows GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    return str(ask(session, TRADES, query)[0][0]).removeprefix("kalshi:")


@pytest.fixture(scope="module")
def whole(sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A home that lacks nothing, to compare with."""
    session, days = listed(tmp_path_factory.mktemp("whole"), sandbox)
    read_trades(session, days, None)
    read_prices(session, days, "")
    return session


def test_one_unknown_ticker_hides_no_other_and_is_read_when_it_is_back(
    sandbox: SandboxProcess, tmp_path: Path, whole: Session
) -> None:
    lacking = most_traded(whole)
    session, days = listed(tmp_path, sandbox)
    tickers = wanted(session, days)
    counts = read_trades(session, days, lacking)
    assert counts.absent == [
        f"1 of {len(tickers)} trade walks are not available; nothing of them is claimed: 404 not found"
    ]
    by_id = "SELECT trade_id FROM rows WHERE instrument_id <> 'kalshi:{}' ORDER BY 1"
    assert ask(session, TRADES, by_id.format(lacking)) == ask(whole, TRADES, by_id.format(lacking))
    windows = session.windows.recorded("kalshi", TRADES, f"kalshi:{lacking}")
    assert [(w.state, w.reason) for w in windows] == [("unavailable", "NotFound: 404 not found")]
    assert session.windows.recorded("kalshi", TRADES, "configured") == []
    assert wanted(session, days) == {lacking}
    read_trades(session, days, None)
    assert ask(session, TRADES, by_id.format("none")) == ask(whole, TRADES, by_id.format("none"))
    assert wanted(session, days) == set()


def test_a_404_for_the_whole_feed_is_an_error_and_claims_nothing(sandbox: SandboxProcess, tmp_path: Path) -> None:
    session, days = listed(tmp_path, sandbox, ECHELON_MAX_INSTRUMENTS="0")
    with pytest.raises(NotFound):
        read_trades(session, days, "")
    assert session.windows.recorded("kalshi", TRADES) == []


def test_a_feed_that_a_recording_lacks_is_unavailable(sandbox: SandboxProcess, tmp_path: Path) -> None:
    session, days = listed(tmp_path, sandbox, ECHELON_MAX_INSTRUMENTS="0")
    counts = read_trades(session, days, "", NotAvailable("404 not_available_in_recording"))
    assert len(counts.absent) == 1
    (window,) = session.windows.recorded("kalshi", TRADES)
    assert (window.scope, window.state, (window.from_at, window.to_at)) == (
        "all",
        "unavailable",
        day_span(days, session.clock()),
    )
    assert wanted(session, days) == {""}


def test_prices_of_one_unknown_ticker_hide_no_other_day_or_instrument(
    sandbox: SandboxProcess, tmp_path: Path, whole: Session
) -> None:
    lacking = most_traded(whole)
    session, days = listed(tmp_path, sandbox)
    assert "prices of 1 instruments are not available" in read_prices(session, days, lacking).absent[0]
    rows = f"SELECT * EXCLUDE (observed_at) FROM rows WHERE instrument_id <> 'kalshi:{lacking}' ORDER BY ALL"
    assert ask(session, PRICES, rows) == ask(whole, PRICES, rows)
    assert len(ask(session, PRICES, rows)) > 50
    assert ask(session, PRICES, f"SELECT * FROM rows WHERE instrument_id = 'kalshi:{lacking}'") == []
    states = {(w.scope, w.state) for w in session.windows.recorded("kalshi", PRICES)}
    assert {scope for scope, state in states if state == "unavailable"} == {f"kalshi:{lacking}"}
    assert "configured" not in {scope for scope, _ in states}
    assert read_prices(session, days, "").objects == 1  # only the candles that were lacking are asked for again
    rows = rows.replace(lacking, "none")
    assert ask(session, PRICES, rows) == ask(whole, PRICES, rows)


@pytest.mark.parametrize(
    ("error", "asked", "absent", "state"),
    [
        (NotAvailable("x"), (), True, "unavailable"),
        (NotFound("x"), ("one",), True, "partial"),
        (NotFound("x"), ("one", "two"), False, "partial"),
        (NotFound("x"), (), False, "partial"),
        (EchelonError("x"), ("one",), False, "partial"),
    ],
)
def test_a_404_means_absence_only_for_one_instrument(
    error: EchelonError, asked: tuple[str, ...], absent: bool, state: str
) -> None:
    assert means_unavailable(error, asked) is absent
    assert window_state(error) == (state, f"{type(error).__name__}: x")
    assert window_state(None) == ("complete", None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [('{"error":{"code":"not_available_in_recording"}}', NotAvailable), ('{"error":{"code":"not_found"}}', NotFound)],
)
def test_a_recording_says_itself_that_it_lacks_something(body: str, kind: type[NotFound]) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(404, text=body))
    http = VenueHttp("http://venue", policy=Policy(), rates={"default": 1000.0}, name="venue", transport=transport)
    with pytest.raises(NotFound) as raised:
        asyncio.run(http.get("/x"))
    assert type(raised.value) is kind
