"""A quarter of all rows cannot be read: whatever a day claims is still what the venue says, on every table.

Belongs here: the sandbox with spoiled rows against the recomputation from its clean answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.ops.health import findings
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.sandbox.polymarket.builders import DEMO_BUILDER_CODE
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.pipeline import VENUES, days_of, ingest, settings_for
from echelon_pipeline_tests.truth import Truth

UNIVERSE = SandboxOptions(events=12, instruments=60, days=4, trades=700, seed=3)


@contextmanager
def spoiled(base: Path, share: float, seed: int, bound: int) -> Iterator[tuple[Settings, SandboxProcess]]:
    """A home that was filled while this share of all rows could not be read; by now all can."""
    with SandboxProcess(replace(UNIVERSE, seed=seed)) as sandbox:
        settings = settings_for(
            base,
            sandbox.env(),
            ECHELON_DAYS_BACK="2",
            ECHELON_RAW_FLUSH_OBJECTS="400",
            ECHELON_BUILDER_CODE=DEMO_BUILDER_CODE,
            ECHELON_MAX_INSTRUMENTS=str(bound),
        )
        serve(sandbox, f"bad_rows={share}")
        ingest(settings)
        serve(sandbox)
        yield settings, sandbox


def serve(sandbox: SandboxProcess, *faults: str) -> None:
    httpx.post(f"{sandbox.base_url}/__sandbox__/faults", json={"faults": faults}, timeout=60).raise_for_status()


def asked(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with read_published(settings.published_file, lake=settings.lake_root) as connection:
        return connection.execute(query).fetchall()


def published(settings: Settings) -> None:
    list(Refresh(settings).run(["mart.trade_volume", "mart.data_quality"]))
    publish(settings, force=True)


class Claims:
    """What the publication claims, and what is true of it."""

    def __init__(self, settings: Settings, truth: Truth) -> None:
        self.settings = settings
        self.over = days_of(settings)[:-1]  # today is not over
        self.true = truth.days(self.over)
        self.contracts: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
        for p in truth.prints:
            self.contracts[p.instrument_id, p.event_at.date()] += p.size
        self.listed = {instrument for instrument, _ in self.contracts}
        begin, end = (datetime.combine(d, time(), UTC) for d in (self.over[0], days_of(settings)[-1]))
        self.candles = {
            (f"kalshi:{t}", day): values[4]
            for t in truth.kalshi
            for day, values in truth.candle_days(t, begin, end).items()
        }

    def volumes(self) -> tuple[int, set[str]]:
        """How many instrument days claim to be complete, and instruments that have others; every claim is compared."""
        rows = asked(
            self.settings,
            "SELECT instrument_id, date, contracts, is_complete, incomplete_reason, unread_rows FROM mart.trade_volume",
        )
        wrong = []
        for instrument, day, contracts, whole, _, _ in rows:
            if whole and day in self.over and self.contracts[instrument, day] != contracts:
                wrong.append((instrument, day, contracts))
        assert wrong == []
        assert all((whole, reason is None) in ((True, True), (False, False)) for *_, whole, reason, _ in rows)
        past = [(instrument, whole) for instrument, day, _, whole, _, _ in rows if day in self.over]
        return sum(whole for _, whole in past), {instrument for instrument, whole in past if not whole}

    def prices(self) -> int:
        """Compares every day of trades and of candles that claims to be complete; how many of the latter."""
        rows = asked(
            self.settings,
            "SELECT instrument_id, date, volume, vwap, trades FROM core.daily_prices "
            "WHERE price_source = 'trades' AND is_complete",
        )
        for instrument, day, volume, vwap, trades in rows:
            true = self.true[instrument, day]
            assert (volume, trades) == (true.volume, true.trades)
            assert abs(vwap - true.vwap) <= Decimal("5e-13")  # rounded to 12 digits
        rows = asked(
            self.settings,
            "SELECT instrument_id, date, volume FROM core.daily_prices WHERE price_source = 'candle' AND is_complete",
        )
        past = [row for row in rows if row[1] in self.over]
        for instrument, day, volume in past:
            assert self.candles[instrument, day] == volume, (instrument, day)
        return len(past)

    def totals(self) -> dict[tuple[str, date], bool]:
        """The venues' days and whether they claim to be complete; every claim is compared."""
        held = {i for (i,) in asked(self.settings, "SELECT instrument_id FROM core.instruments WHERE NOT is_combo")}
        true: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
        for (instrument, day), contracts in self.contracts.items():
            if instrument in held or not self.settings.max_instruments:
                true[instrument.partition(":")[0], day] += contracts
        query = "SELECT venue, date, instrument_id, contracts FROM mart.trade_volume"
        for venue, day, instrument, contracts in asked(self.settings, query):
            if instrument not in self.listed:  # combos of a whole feed: the truth has no listing of them
                true[venue, day] += contracts
        found = {}
        rows = asked(
            self.settings,
            "SELECT venue, date, contracts, is_complete, unread_rows, incomplete_reason FROM mart.venue_volume",
        )
        for venue, day, contracts, whole, unread, reason in rows:
            if day in self.over:
                assert not whole or contracts == true[venue, day], (venue, day)
                assert whole == (reason is None)
                assert not (whole and unread)
                found[venue, day] = whole
        return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("seed", "bound"),
    [(3, 500), *(pytest.param(s, b, marks=pytest.mark.slow) for s, b in ((3, 0), (4, 500), (5, 500), (6, 0)))],
)
def test_no_claim_is_wrong_while_a_quarter_of_the_rows_is_unread_and_claims_come_back(
    tmp_path: Path, seed: int, bound: int
) -> None:
    with spoiled(tmp_path, 0.25, seed, bound) as (settings, sandbox):
        published(settings)
        with Truth(sandbox.base_url) as truth:
            claims = Claims(settings, truth)
        complete, open_ = claims.volumes()
        assert open_
        if bound:  # of a whole feed rows without a ticker lie on every day
            assert complete > 0, "instruments whose rows were all read are not spoiled by the others"
        claims.prices()
        assert not any(claims.totals().values())
        tables = {f.what.partition(" 2")[0] for f in findings(settings) if f.kind == "unread"}
        assert {"kalshi core.trades", "polymarket core.trades", "kalshi core.daily_prices"} <= tables

        session = Session.of(settings)
        for venue in VENUES:
            main.trades(session, venue, days_of(settings), refetch=True)
            main.prices(session, venue, days_of(settings), refetch=True)
        main.builder_fills(session, "polymarket", days_of(settings))
        published(settings)
        assert asked(settings, "SELECT * FROM core.unread_rows") == []
        again, still_open = claims.volumes()
        assert again > complete
        # Only a whole feed holds trades of combos, whose outcomes are not known; the truth does not list them.
        assert still_open.isdisjoint(claims.listed)
        assert not (bound and still_open)
        assert claims.prices() > 0
        totals = claims.totals()
        assert len(totals) == len(VENUES) * len(claims.over)
        assert all(totals.values())
        assert not [f for f in findings(settings) if f.kind == "unread"]
