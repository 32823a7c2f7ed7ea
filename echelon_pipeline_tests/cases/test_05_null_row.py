"""A row that is null costs the rows beside it nothing, wherever it stands."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.ingest import main
from echelon_pipeline_tests.cases.files import inputs
from echelon_pipeline_tests.served_polymarket import Home, Polymarket, Query, market, rows, served, trade


def made() -> dict[str, Any]:
    good = [trade(1, "111", "2026-11-20T10:00:00", 0.4, 10), trade(1, "112", "2026-11-20T10:05:00", 0.6, 20)]
    return {"body": {"data": [None, *good], "pagination": {"has_more": False, "next_cursor": None}}}


class Fixed(Polymarket):
    """Answers questions about trades with one body."""

    body: Any = None

    def answer(self, path: str, query: Query) -> object:
        return self.body if path.endswith("/v2/trades") else super().answer(path, query)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("case", inputs(made, "05-null-row.json"))
def test_two_trades_land_and_the_null_is_a_dead_letter(tmp_path: Path, case: Any, place: int) -> None:
    body = case()["body"]
    good = [row for row in body["data"] if row is not None]
    body["data"] = [*good[:place], None, *good[place:]]
    with served(Fixed(events=[{"id": "1", "title": "e", "markets": [market(1)]}])) as venue:
        venue.body = body  # type: ignore[attr-defined]
        home = Home(tmp_path, venue)
        session = home.poll("2026-11-20T20:00:00+00:00")
        main.trades(session, "polymarket", [date(2026, 11, 20)])
        assert sorted(r for (r,) in rows(session, "core.trades", "token_id")) == ["111", "112"]
        letters = rows(session, "core.dead_letters", "endpoint, payload, reason IS NOT NULL")
        assert letters == [("trades", "null", True)]
