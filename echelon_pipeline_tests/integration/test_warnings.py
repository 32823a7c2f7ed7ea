"""What a run says of rows that it could not read and of marts that it could not build: command, checks, health, doctor.

Belongs here: real runs of the main job in this process, on a small venue of the test's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from echelon_pipeline.cli import app
from echelon_pipeline.commands.common import EXIT_PERMANENT
from echelon_pipeline.defs import report
from echelon_pipeline.defs.assets.health import health_report
from echelon_pipeline.ingest import main
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.session import Counts
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.ops.health import findings
from echelon_pipeline.ops.store_probes import _unread
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.ops.warehouse import Warehouse
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.publish.reader import read_published
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.marts import changed_statement
from echelon_pipeline_tests.served_polymarket import Home, Polymarket, market, served, trade

# One worker: the home is made once for all of them.
pytestmark = pytest.mark.xdist_group("warnings")

DAY = "2026-11-20"
NOW = f"{DAY}T20:00:00+00:00"
MARTS = " or ".join(
    f'key:"{k}"'
    for k in (
        "mart/trade_volume",
        "mart/market_overview",
        "mart/builder_leaderboard",
        "mart/calibration",
        "published/*",
    )
)
EVENT = {"id": "1", "title": "e", "markets": [market(1)]}
TRADES = 'key:"core/polymarket/trades"'


@dataclass
class World:
    """A venue with one market and the home that reads it."""

    venue: Polymarket
    settings: Settings
    runner: CliRunner
    lines: list[str]

    def ingest(self, *more: str) -> Any:
        """Runs ``echelon ingest`` on the day; its lines on standard error are kept."""
        result = self.runner.invoke(app, ["ingest", "--from", DAY, "--to", DAY, "--venue", "polymarket", *more])
        self.lines = [line.strip() for line in result.stderr.splitlines()]
        return result


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("world")
    good = [trade(1, "111", f"{DAY}T10:0{n}:00", 0.4, 10) for n in range(3)]
    with served(Polymarket(events=[EVENT], trades=good)) as venue, pytest.MonkeyPatch.context() as patch:
        env = Home(base, venue).env(NOW, ECHELON_DAYS_BACK="0")
        for name, value in env.items():
            patch.setenv(name, value)
        session = Home(base, venue).poll(NOW)
        main.trades(session, "polymarket", [session.clock().date()])
        yield World(venue, load_settings(), CliRunner(), [])


def shared(settings: Settings, limit: float) -> Settings:
    """The same home with another limit; its marts and publication are brought up to it."""
    changed = settings.model_copy(update={"max_unread_share": limit})
    list(Refresh(changed).run(["mart.trade_volume", "mart.data_quality"]))
    publish(changed, force=True)
    return changed


def checks_of(name: str) -> dict[str, tuple[bool, dg.AssetCheckSeverity]]:
    """The last run's checks of a name, by asset."""
    instance = dg.DagsterInstance.get()
    (run,) = instance.get_runs(limit=1)
    found = {}
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        event = entry.dagster_event
        assert event is not None
        check = event.asset_check_evaluation_data
        if check.check_name == name:
            found[check.asset_key.to_user_string()] = (check.passed, check.severity)
    return found


def materialized() -> set[str]:
    """Assets of which the last run reports a materialization."""
    instance = dg.DagsterInstance.get()
    (run,) = instance.get_runs(limit=1)
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {e.dagster_event.asset_key.to_user_string() for e in events if e.dagster_event and e.dagster_event.asset_key}


def healthy(settings: Settings) -> tuple[bool, dg.AssetCheckSeverity]:
    """The check of the health report."""
    resources = {"warehouse": Warehouse(settings)}
    result = dg.materialize([health_report], resources=resources, instance=dg.DagsterInstance.get())
    (check,) = result.get_asset_check_evaluations()
    return check.passed, check.severity


def unread_levels(settings: Settings) -> list[Level]:
    """What doctor says of unread rows."""
    return [f.level for f in _unread(settings)]


def test_a_run_without_dead_letters_warns_of_nothing(world: World) -> None:
    result = world.ingest("--select", TRADES)
    assert result.exit_code == 0, result.output
    assert not [line for line in world.lines if "unread" in line or "warning" in line]
    assert checks_of("no_dead_letters") == {"core/polymarket/trades": (True, dg.AssetCheckSeverity.WARN)}
    settings = shared(world.settings, 0.001)
    assert [f for f in findings(settings) if f.kind == "unread"] == []
    assert unread_levels(settings) == [Level.OK]


def test_a_run_with_unread_rows_says_how_many_where_and_ends_well(world: World) -> None:
    world.venue.trades.append({**trade(1, "111", f"{DAY}T10:05:00", 0.4, 10), "price": "?"})
    result = world.ingest("--select", TRADES, "--refetch")
    assert result.exit_code == 0, "what could be read is in the tables: the run did its work"
    begin = world.lines.index(
        "warning: rows could not be read; the days that they may belong to are not complete "
        "(core.unread_rows, mart.dead_letter_reasons):"
    )
    assert world.lines[begin + 1 :] == [
        "core/polymarket/trades: 1 dead letter(s), 1 requested row(s) are unread (25.00%)"
    ]
    assert checks_of("no_dead_letters") == {"core/polymarket/trades": (False, dg.AssetCheckSeverity.ERROR)}

    above = shared(world.settings, 0.2)
    (finding,) = [f for f in findings(above) if f.kind == "unread"]
    assert finding.what == f"polymarket core.trades {DAY}"
    assert finding.detail.startswith("1 row(s) could not be read, 25.00% of the day (limit 20.00%)")
    assert unread_levels(above) == [Level.FAIL]
    assert healthy(above) == (False, dg.AssetCheckSeverity.ERROR)

    below = shared(world.settings, 0.25)
    assert [f for f in findings(below) if f.kind == "unread"] == []
    assert unread_levels(below) == [Level.OK]
    assert healthy(below)[1] is dg.AssetCheckSeverity.WARN


def test_a_run_below_the_limit_is_a_warning() -> None:
    checked = report.parsed_result(["x"], Counts(dead_letters=1, unread_rows=1, staged={"core.trades": 999}), 0.001)
    assert (checked.passed, checked.severity) == (False, dg.AssetCheckSeverity.WARN)
    checked = report.parsed_result(["x"], Counts(dead_letters=1, unread_rows=1, staged={"core.trades": 998}), 0.001)
    assert (checked.passed, checked.severity) == (False, dg.AssetCheckSeverity.ERROR)
    checked = report.parsed_result(["x"], Counts(dead_letters=1), 0.001)
    assert (checked.passed, checked.severity) == (False, dg.AssetCheckSeverity.WARN), "rows that were not asked for"


def test_a_mart_that_fails_reports_no_new_version_and_all_others_are_published(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.of(world.settings)
    before = lake.version("mart.trade_volume")
    fault = ("v.contracts::DOUBLE", "error('a fault')::DOUBLE")
    changed_statement(monkeypatch, "mart.trade_volume", lambda text: text.replace(*fault))
    result = world.ingest("--select", MARTS)
    assert result.exit_code == EXIT_PERMANENT
    assert "mart.trade_volume" in result.stderr
    error = dg.AssetCheckSeverity.ERROR
    built = checks_of("built")
    assert built["mart/trade_volume"] == (False, error)
    assert built["mart/market_overview"] == (False, error), "it reads the mart that failed"
    assert built["mart/builder_leaderboard"][0]
    done = materialized()
    assert not done & {"mart/trade_volume", "mart/market_overview"}
    assert {"mart/builder_leaderboard", "mart/calibration", "published/duckdb"} <= done
    assert lake.version("mart.trade_volume") == before
    with read_published(world.settings.published_file, lake=world.settings.lake_root) as connection:
        stale = connection.execute(
            "SELECT table_name, stale_reason FROM meta.publication WHERE is_stale ORDER BY ALL"
        ).fetchall()
    assert [name for name, _ in stale] == ["mart.market_overview", "mart.trade_volume"]
    assert "a fault" in dict(stale)["mart.trade_volume"]
