"""The venue's ranking of builders against the sandbox, and where a universe has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.errors import NotAvailable, VenueUnavailable
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.venues.polymarket.data import Data
from echelon_pipeline.venues.polymarket.programme import BuilderRanking
from echelon_pipeline_tests.pipeline import settings_for
from echelon_pipeline_tests.rows import stored

TABLE = "core.builder_leaderboard"


def test_every_range_is_read_and_again_changes_nothing(sandbox: SandboxProcess, tmp_path: Path) -> None:
    session = Session.of(settings_for(tmp_path, sandbox.env()))
    counts = main.builder_leaderboard(session, "polymarket")
    rows = stored(session.lake, TABLE)
    assert {r["range"] for r in rows} == set(BuilderRanking.ranges)
    assert counts.new[TABLE] == len(rows) == counts.objects
    assert {r["observed_at"] for r in rows} == {session.clock()}
    for wanted in BuilderRanking.ranges:
        ranked = sorted((r for r in rows if r["range"] == wanted), key=lambda r: r["rank"])
        assert [r["contracts"] for r in ranked] == sorted((r["contracts"] for r in ranked), reverse=True)
    assert main.builder_leaderboard(session, "polymarket").new[TABLE] == 0
    windows = stored(session.lake, "core.ingest_windows")
    assert {(w["table_name"], w["state"]) for w in windows} == {(TABLE, "complete")}


@pytest.mark.parametrize(
    ("failure", "state"), [(NotAvailable("no such thing here"), "unavailable"), (VenueUnavailable("down"), "partial")]
)
def test_a_ranking_that_breaks_off_keeps_what_was_read_and_is_not_claimed(
    sandbox: SandboxProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: NotAvailable | VenueUnavailable,
    state: str,
) -> None:
    whole = Data.builders_leaderboard

    def broken(self: Data, time_period: str = "all") -> object:
        if time_period == "month":
            raise failure
        return whole(self, time_period)

    monkeypatch.setattr(Data, "builders_leaderboard", broken)
    session = Session.of(settings_for(tmp_path, sandbox.env()))
    if state == "partial":
        with pytest.raises(VenueUnavailable):
            main.builder_leaderboard(session, "polymarket")
    else:
        assert main.builder_leaderboard(session, "polymarket").absent
    assert {r["range"] for r in stored(session.lake, TABLE)} == {"day", "week"}
    (window,) = stored(session.lake, "core.ingest_windows")
    assert (window["state"], window["rows"]) == (state, len(stored(session.lake, TABLE)))
    assert str(failure) in window["reason"]
