"""Rows that were derived without something that is known by now are derived again, those alone, without a refetch."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.ingest.bulk import import_file
from echelon_pipeline.ingest.derive import Deriver, RawSlice
from echelon_pipeline.ingest.late_values import derive_late_values
from echelon_pipeline.lake.session import Session
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.venues.kalshi.parse import KINDS as KALSHI
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline_tests.cases.files import inputs
from echelon_pipeline_tests.served_polymarket import Home, Polymarket, condition, market, rows, served, trade

FIRST, SECOND = "2026-11-21T12:00:00+00:00", "2026-11-24T12:00:00+00:00"
DAY = date(2026, 11, 20)
OF = "instrument_id, outcome_index, unmapped_reason, price_0, taker_direction"
PRICED = "date, close, volume, trades, is_complete"
NO_TOKENS: dict[str, Any] = {"clobTokenIds": None}


def made() -> dict[str, Any]:
    return {
        "first_poll": {"market": market(2, **NO_TOKENS)},
        "second_poll": {"market": market(2)},
        "trades": [trade(2, "211", "2026-11-20T10:10:00", 0.3, 7)],
    }


def claimed(session: Session) -> dict[str, tuple[Any, Any, str]]:
    """What is said to be complete of the only instrument, by table."""
    publish(session.settings, force=True)
    with read_published(session.settings.published_file) as connection:
        found = connection.execute(
            "SELECT table_name, complete_from, complete_to, reason FROM core.instrument_completeness"
        ).fetchall()
    return {table: (begin, end, reason) for table, begin, end, reason in found}


@pytest.mark.parametrize("case", inputs(made, "06-tokens-come-later.json"))
def test_a_trade_gets_its_outcome_and_its_day_when_the_token_is_listed(tmp_path: Path, case: Any) -> None:
    told = case()
    instrument = f"polymarket:{condition(2)}"
    event: dict[str, Any] = {"id": "1", "title": "Event 1", "closed": False, "markets": [told["first_poll"]["market"]]}
    with served(Polymarket(events=[event], markets=event["markets"], trades=told["trades"])) as venue:
        home = Home(tmp_path, venue)
        first = home.ingest(FIRST, [DAY, date(2026, 11, 21)])
        unmapped = "token is in no known instrument"
        assert rows(first, "core.trades", OF) == [(instrument, None, unmapped, None, None)]
        assert rows(first, "core.daily_prices", PRICED) == []
        home.refresh(first, "mart.trade_volume")
        assert rows(first, "mart.trade_volume", "contracts, is_complete") == [(Decimal(7), False)]
        assert set(claimed(first).values()) == {(None, None, "a token of it is not known yet")}

        event["markets"] = venue.markets = [told["second_poll"]["market"]]
        venue.trades, venue.asked = [], []
        second = home.poll(SECOND)
        assert rows(second, "core.trades", OF) == [(instrument, 0, None, Decimal("0.3"), 1)]
        assert rows(second, "core.daily_prices", PRICED) == [(DAY, Decimal("0.3"), Decimal(7), 1, True)]
        home.refresh(second, "mart.trade_volume")
        assert rows(second, "mart.trade_volume", "contracts, is_complete") == [(Decimal(7), True)]
        assert venue.asked == []
        complete = claimed(second)
        assert complete["core.trades"][0] == datetime(2026, 11, 20, tzinfo=UTC)
        # Sampled prices were never asked for without the token: the days before it are not claimed.
        assert complete["core.daily_prices"][0] is None


def test_the_rows_are_those_of_reading_the_trades_with_the_tokens_known(tmp_path: Path) -> None:
    trades = [
        trade(2, "211", "2026-11-20T10:10:00", 0.3, 7),
        trade(2, "212", "2026-11-20T10:20:00", 0.6, 5, "SELL"),
        trade(2, "212", "2026-11-20T10:30:00", 0.65, 1),
        trade(2, "999", "2026-11-20T10:30:00", 0.65, 1),
    ]
    trades.append(dict(trades[0]))  # identical prints are real
    found = []
    for name, at_first in (("later", NO_TOKENS), ("known", {})):
        with served(Polymarket(markets=[market(2, **at_first)], trades=trades)) as venue:
            venue.events = [{"id": "1", "title": "t", "closed": False, "markets": venue.markets}]
            home = Home(tmp_path / name, venue)
            home.ingest(FIRST, [DAY])
            venue.events[0]["markets"] = venue.markets = [market(2)]
            session = home.poll(SECOND)
            found.append((rows(session, "core.trades", "*"), rows(session, "core.daily_prices", "*")))
            versions = [session.lake.version(t) for t in ("core.trades", "core.daily_prices")]
            derive_late_values(session, "polymarket")
            assert [session.lake.version(t) for t in ("core.trades", "core.daily_prices")] == versions
    assert found[0] == found[1]
    assert len(found[0][0]) == 5


def test_a_killed_derivation_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Polymarket(markets=[market(2, **NO_TOKENS)], trades=made()["trades"])) as venue:
        venue.events = [{"id": "1", "title": "t", "closed": False, "markets": venue.markets}]
        home = Home(tmp_path, venue)
        home.ingest(FIRST, [DAY])
        venue.events[0]["markets"] = venue.markets = [market(2)]
        session = home.session(SECOND)
        main.fetch(session, "polymarket")
        merge = Deriver._merge

        def killed(self: Deriver, table: str, paths: list[Path]) -> None:
            if table == "core.trades":
                raise KeyboardInterrupt
            merge(self, table, paths)

        with monkeypatch.context() as patched:
            patched.setattr(Deriver, "_merge", killed)
            with pytest.raises(KeyboardInterrupt):
                main.derive(session, "polymarket")
        main.derive(session, "polymarket")
        assert rows(session, "core.trades", "outcome_index") == [(0,)]
        assert rows(session, "core.daily_prices", PRICED) == [(DAY, Decimal("0.3"), Decimal(7), 1, True)]


def test_trades_that_were_read_before_get_the_outcomes_of_an_imported_file(tmp_path: Path) -> None:
    with served(Polymarket(markets=[market(3)], trades=made()["trades"])) as venue:
        venue.events = [{"id": "1", "title": "t", "closed": False, "markets": venue.markets}]
        session = Home(tmp_path, venue).ingest(FIRST, [DAY], ECHELON_MAX_INSTRUMENTS="0")
    assert rows(session, "core.trades", "outcome_index") == [(None,)]
    file = tmp_path / "outcomes.csv"
    file.write_text(f"c,i,t,l\n{condition(2)},0,211,Yes\n{condition(2)},1,212,No\n", encoding="utf-8")
    fields = {"instrument": "c", "outcome_index": "i", "token_id": "t", "label": "l"}
    import_file(session.settings, file, table="outcomes", venue="polymarket", mapping=fields)
    assert rows(session, "core.trades", "outcome_index, price_0") == [(0, Decimal("0.3"))]
    assert rows(session, "core.daily_prices", "date, close") == [(DAY, Decimal("0.3"))]


def test_an_instrument_gets_the_category_of_an_event_and_series_that_come_later(tmp_path: Path) -> None:
    session = Home(tmp_path, Polymarket(url="http://127.0.0.1:1")).session(FIRST)

    def listed(endpoint: str, key: str, body: dict[str, Any]) -> None:
        with session.unit() as unit:
            store = unit.store("kalshi", 1, listing=True)
            payload = RawObject(json.dumps(body).encode(), key)
            store.add(Page(endpoint, f"/{endpoint}", 0, session.clock(), (payload,)))
            store.flush()
            deriver = Deriver(unit, {endpoint: KALSHI[endpoint]})
            deriver.parse(RawSlice("kalshi", (unit.unit_id,)))
            deriver.commit()
        derive_late_values(session, "kalshi")

    slow = "series_id, category, tags, fee_type"
    listed("markets", "A-1", {"ticker": "A-1", "event_ticker": "A-1E", "title": "t", "status": "active"})
    assert rows(session, "core.instruments", slow) == [(None, None, None, None)]
    listed("events", "A-1E", {"event_ticker": "A-1E", "series_ticker": "A", "title": "e"})
    assert rows(session, "core.instruments", slow) == [("kalshi:A", None, None, None)]
    series = {"ticker": "A", "title": "s", "category": "Politics", "tags": ["x"], "fee_type": "quadratic"}
    listed("series", "A", series)
    assert rows(session, "core.instruments", slow) == [("kalshi:A", "Politics", ["x"], "quadratic")]
    assert [c for _, c in rows(session, "core.instrument_history", "valid_from, category")] == [None, None, "Politics"]
    assert rows(session, "core.instruments", "fee_rate") == [(None,)]
    listed("series", "A", {**series, "fee_multiplier": 0.5})
    assert rows(session, "core.instruments", "fee_rate") == [(Decimal("0.035"),)]
    listed("events", "A-1E", {"event_ticker": "A-1E", "series_ticker": "A", "title": "e", "fee_multiplier_override": 0})
    assert rows(session, "core.instruments", "fee_rate") == [(Decimal(0),)]
    before = session.lake.version("core.instruments")
    derive_late_values(session, "kalshi")
    assert session.lake.version("core.instruments") == before
