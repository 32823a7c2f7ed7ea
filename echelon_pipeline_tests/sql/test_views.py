"""Derived relations for readers: coverage, completeness of instruments, history, drift, checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.domain.intervals import newest_labels, union
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.catalog import PublicationInfo, Source, fill
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.statements import statement, statements
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import NOON, Row, arrow, row, staged, trade

START = datetime(2026, 11, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def window(begin: float, end: float, recorded: float = 0, **values: object) -> Row:
    """A window of hours since the start of November, recorded ``recorded`` hours after it."""
    state = values.get("state", "complete")
    made: Row = {
        "table_name": "core.trades",
        "scope": "configured",
        "from_at": at(begin),
        "to_at": at(end),
        "state": "complete",
        "reason": None if state == "complete" else "because",
        "recorded_at": at(recorded),
    }
    return row("core.ingest_windows", **{**made, **values})


@contextmanager
def catalog(folder: Path, **tables: list[Row]) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory publication of these rows, keyed by table name without its schema."""
    lake = Lake(str(folder / "lake"), scratch=folder / "scratch", min_free_mb=0)
    for name, rows in tables.items():
        table = f"core.{name}"
        if TABLES[table].append_only:
            lake.append(table, arrow(table, rows))
        else:
            lake.merge(table, [staged(folder / "staged", table, rows)])
    sources = {t.name: Source(t, lake.open(t.name)) for t in TABLES.values() if t.published}
    with connect(private=True) as connection:
        fill(connection, sources, PublicationInfo(lake.root, NOON))
        yield connection


@contextmanager
def derived(
    windows: list[Row], instruments: list[Row], letters: Sequence[Row] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Coverage and completeness alone, from rows in memory: fast enough for many examples."""
    with connect(private=True) as connection:
        connection.execute("CREATE SCHEMA core")
        for name, table, rows in [
            ("core.ingest_windows", "core.ingest_windows", windows),
            ("core.dead_letters", "core.dead_letters", list(letters)),
            ("lake_instruments", "core.instruments", instruments),
            ("lake_instrument_history", "core.instrument_history", []),
            ("lake_outcomes", "core.outcomes", []),
        ]:
            connection.register("given", arrow(table, rows))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        for made in ("0_unread_rows", "1_coverage", "2_instrument_completeness"):
            text = statement(f"publish/{made}")
            connection.execute(f"CREATE TABLE {text.header['creates']} AS {text.text}")
        yield connection


def coverage(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT from_at, to_at, state FROM core.coverage ORDER BY from_at").fetchall()


def test_the_last_window_over_a_time_gives_its_state(tmp_path: Path) -> None:
    windows = [
        window(0, 30, 1),
        window(6, 7, 2, state="partial"),
        window(40, 41, 3, state="unavailable"),
    ]
    with catalog(tmp_path, ingest_windows=windows) as connection:
        assert coverage(connection) == [
            (at(0), at(6), "complete"),
            (at(6), at(7), "partial"),
            (at(7), at(30), "complete"),
            (at(40), at(41), "unavailable"),
        ]


WINDOWS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 60), st.sampled_from(["complete", "partial"])),
    min_size=1,
    max_size=8,
)


# Examples of a property: few in every run, many in a long campaign.
EXAMPLES = pytest.mark.parametrize("most", [20, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])


@EXAMPLES
def test_coverage_agrees_with_interval_arithmetic(most: int) -> None:
    @settings(max_examples=most)
    @given(WINDOWS)
    def holds(given_windows: list[tuple[int, int, str]]) -> None:
        rows = [window(b, b + n, recorded=i, state=s) for i, (b, n, s) in enumerate(given_windows)]
        expected = newest_labels((at(b), at(b + n), i, (i, s)) for i, (b, n, s) in enumerate(given_windows))
        with derived(rows, []) as connection:
            assert coverage(connection) == [(b, e, state) for b, e, (_, state) in expected]

    holds()


def test_each_day_counts_complete_partial_unavailable_and_missing_minutes(tmp_path: Path) -> None:
    windows = [
        window(0, 24),
        window(30, 36),
        window(36, 38, state="partial", reason="the day is not over"),
        window(46, 47, state="unavailable", reason="capped"),
        window(96, 120),
        window(0, 24, scope="kalshi:A"),
    ]
    with catalog(tmp_path, ingest_windows=windows) as connection:
        connection.execute("SET TimeZone = 'America/New_York'")  # days are UTC days for every reader
        found = connection.execute(
            "SELECT date, complete_minutes, partial_minutes, unavailable_minutes, missing_minutes, reasons "
            "FROM core.coverage_daily WHERE venue = 'kalshi' AND table_name = 'core.trades' AND scope = 'configured'"
        ).fetchall()
        reasons = connection.execute("SELECT is_complete, incomplete_reason FROM core.coverage_daily").fetchall()
        scopes = connection.execute("SELECT DISTINCT scope FROM core.coverage_daily").fetchall()
    assert found == [
        (date(2026, 11, 1), 1440, 0, 0, 0, None),
        (date(2026, 11, 2), 360, 120, 60, 900, ["capped", "the day is not over"]),
        (date(2026, 11, 3), 0, 0, 0, 1440, None),
        (date(2026, 11, 4), 0, 0, 0, 1440, None),
        (date(2026, 11, 5), 1440, 0, 0, 0, None),
    ]
    assert reasons == [
        (True, None),
        (False, "360 of 1440 minutes were read completely: capped; the day is not over"),
        *[(False, "0 of 1440 minutes were read completely")] * 2,
        (True, None),
    ]
    assert scopes == [("configured",)]


def instrument(name: str, held_hours: float, opens_hours: float | None = None) -> Row:
    opens = None if opens_hours is None else at(opens_hours)
    return row("core.instruments", instrument_id=name, observed_at=at(held_hours), opens_at=opens)


def completeness(folder: Path, windows: list[Row], *instruments: Row) -> dict[str, tuple[object, ...]]:
    with catalog(folder, ingest_windows=windows, instruments=list(instruments)) as connection:
        rows = connection.execute(
            "SELECT instrument_id, trades_complete_from, trades_complete_to, trades_complete_reason "
            "FROM core.instruments"
        ).fetchall()
    return {r[0]: r[1:] for r in rows}


def test_instruments_are_complete_from_the_last_interval_without_a_gap(tmp_path: Path) -> None:
    windows = [window(0, 10, 50), window(20, 30, 51), window(30, 40, 52)]
    found = completeness(tmp_path, windows, instrument("k:old", 1, 0), instrument("k:new", 1, 25))
    assert found == {
        "k:old": (at(20), at(40), "not read before"),
        "k:new": (at(20), at(40), "since trading opened"),
    }


def test_windows_recorded_before_an_instrument_was_known_do_not_count_for_it(tmp_path: Path) -> None:
    windows = [window(0, 10, 50), window(10, 20, 60)]
    found = completeness(tmp_path, windows, instrument("k:A", 50), instrument("k:B", 55), instrument("k:C", 70))
    assert found == {
        "k:A": (at(0), at(20), "not read before"),
        "k:B": (at(10), at(20), "not read before"),
        "k:C": (None, None, "never read completely"),
    }


def test_an_instruments_own_windows_and_those_of_the_whole_feed_count_too(tmp_path: Path) -> None:
    windows = [
        window(0, 10, 50, scope="k:A"),
        window(10, 20, 51, scope="all"),
        window(20, 30, 52),
    ]
    found = completeness(tmp_path, windows, instrument("k:A", 51.5), instrument("k:B", 51.5))
    assert found == {
        "k:A": (at(0), at(30), "not read before"),
        "k:B": (at(10), at(30), "not read before"),
    }


def test_the_reason_is_that_of_the_last_unread_interval(tmp_path: Path) -> None:
    windows = [window(0, 10, 50, state="unavailable", reason="the feed is capped"), window(10, 20, 51)]
    found = completeness(tmp_path, windows, instrument("k:A", 1, 0))
    assert found == {"k:A": (at(10), at(20), "the feed is capped")}


PIECES = st.tuples(
    st.integers(0, 12),
    st.integers(1, 6),
    st.integers(0, 30),
    st.sampled_from(["complete", "complete", "complete", "partial"]),
    st.sampled_from(["configured", "configured", "configured", "all", "k:A"]),
)


@EXAMPLES
def test_completeness_agrees_with_interval_arithmetic(most: int) -> None:
    @settings(max_examples=most)
    @given(st.lists(PIECES, min_size=1, max_size=9), st.tuples(st.integers(0, 30), st.integers(0, 30)))
    def holds(pieces: list[tuple[int, int, int, str, str]], held: tuple[int, int]) -> None:
        rows = [
            window(b, b + n, r, state=state, scope=scope, unit_id=f"u{i:02}")
            for i, (b, n, r, state, scope) in enumerate(pieces)
        ]
        expected = {}
        for name, held_at in zip(("k:A", "k:B"), held, strict=True):
            counted = []
            for scope in ("all", "configured", name):
                own = [(b, b + n, (r, i), (state, r)) for i, (b, n, r, state, s) in enumerate(pieces) if s == scope]
                for begin, end, (state, recorded) in newest_labels(own):
                    if state == "complete" and (scope != "configured" or recorded >= held_at):
                        counted.append((begin, end))
            last = union(counted)[-1:]
            expected[name] = (at(last[0][0]), at(last[0][1])) if last else (None, None)
        instruments = [instrument(name, held_at) for name, held_at in zip(("k:A", "k:B"), held, strict=True)]
        with derived(rows, instruments) as connection:
            found = connection.execute(
                "SELECT instrument_id, complete_from, complete_to FROM core.instrument_completeness "
                "WHERE table_name = 'core.trades'"
            ).fetchall()
        assert {name: (begin, end) for name, begin, end in found} == expected

    holds()


def test_prices_have_their_own_completeness(tmp_path: Path) -> None:
    windows = [window(0, 10, 50), window(0, 20, 50, table_name="core.daily_prices")]
    with catalog(tmp_path, ingest_windows=windows, instruments=[instrument("k:A", 1)]) as connection:
        found = connection.execute("SELECT trades_complete_to, prices_complete_to FROM core.instruments").fetchall()
    assert found == [(at(10), at(20))]


def test_a_version_of_an_instrument_is_valid_until_the_next(tmp_path: Path) -> None:
    versions = [
        row("core.instrument_history", instrument_id=name, valid_from=at(hours), status="active")
        for name, hours in [("k:A", 0), ("k:A", 5), ("k:B", 2)]
    ]
    with catalog(tmp_path, instrument_history=versions) as connection:
        found = connection.execute(
            "SELECT instrument_id, valid_from, valid_to FROM core.instrument_history ORDER BY ALL"
        ).fetchall()
    assert found == [("k:A", at(0), at(5)), ("k:A", at(5), None), ("k:B", at(2), None)]


def test_drift_adds_up_over_units(tmp_path: Path) -> None:
    rows = [
        row("core.drift", path="new_field", unit_id=u, value=v, objects=n, observed_at=at(n))
        for u, v, n in [("u1", "sample", 3), ("u2", "other sample", 4)]
    ] + [row("core.drift", path="status", kind="value", value="frozen", unit_id="u1", objects=1, observed_at=at(1))]
    with catalog(tmp_path, drift=rows) as connection:
        found = connection.execute(
            "SELECT path, kind, value, objects, units, first_seen_at, last_seen_at FROM core.schema_drift"
        ).fetchall()
    assert sorted(found) == [
        ("new_field", "field", None, 7, 2, at(3), at(4)),
        ("status", "value", "frozen", 1, 1, at(1), at(1)),
    ]


@pytest.mark.parametrize("name", [s.name for s in statements("checks")])
def test_every_check_finds_nothing_in_an_empty_lake(tmp_path: Path, name: str) -> None:
    (check,) = (s for s in statements("checks") if s.name == name)
    assert {"about", "grain", "inputs"} <= check.header.keys()
    with catalog(tmp_path) as connection:
        assert connection.execute(check.text).fetchall() == []


def run_check(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[object, ...]]:
    (check,) = (s for s in statements("checks") if s.name == f"checks/{name}")
    return connection.execute(check.text).fetchall()


def test_every_check_finds_its_fault(tmp_path: Path) -> None:
    half = Decimal("0.5")
    with catalog(
        tmp_path,
        trades=[
            trade(1, instrument_id="kalshi:A"),
            trade(2, instrument_id="kalshi:unknown"),
            trade(
                1, instrument_id="kalshi:A", date=date(2026, 11, 21), event_at=NOON + timedelta(days=1), trade_id="d"
            ),
        ],
        instruments=[
            row("core.instruments", instrument_id="kalshi:A", status="settled", outcome_count=2),
            row("core.instruments", instrument_id="kalshi:B", status="settled", bucket=1),
        ],
        outcomes=[row("core.outcomes", instrument_id="kalshi:A", outcome_index=0)],
        resolutions=[
            row("core.resolutions", instrument_id="kalshi:A", source="one", payout_0=Decimal(1), payout_1=Decimal(0)),
            row("core.resolutions", instrument_id="kalshi:A", source="two", payout_0=half, payout_1=half),
        ],
    ) as connection:
        assert run_check(connection, "trades_unknown_instrument") == [("kalshi", 1, 1, "kalshi:unknown")]
        assert [r[0] for r in run_check(connection, "resolutions_disagree")] == ["kalshi:A"]
        assert [r[1] for r in run_check(connection, "settled_without_payout")] == ["kalshi:B"]
        assert run_check(connection, "instruments_without_outcomes") == [("kalshi", "kalshi:A", 2, 1)]


def test_a_trade_on_two_days_is_found(tmp_path: Path) -> None:
    moved = trade(1, date=date(2026, 11, 21), event_at=NOON + timedelta(days=1))
    lake = Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch", min_free_mb=0)
    lake.merge("core.trades", [staged(tmp_path, "core.trades", [trade(1)])])
    with catalog(tmp_path, trades=[moved]) as connection:
        found = run_check(connection, "trades_twice")
    assert found == [("kalshi:t1", 2, [date(2026, 11, 20), date(2026, 11, 21)])]


def letter(begin: float, end: float, instrument_id: str | None = None, **values: object) -> Row:
    """An unread row of trades that lies between these hours; its payload is named after them."""
    made: Row = {
        "table_name": "core.trades",
        "endpoint": "trades",
        "sha256": f"{begin}-{end}-{instrument_id}",
        "instrument_id": instrument_id,
        "from_at": at(begin),
        "to_at": at(end),
        "unread_rows": 1,
    }
    return row("core.dead_letters", **{**made, **values})


def stretch(letters: list[Row]) -> tuple[object, ...]:
    """Since when trades of an instrument are complete, until when, and why not longer: 48 hours were walked."""
    with derived([window(0, 48, 1, scope="all")], [instrument("kalshi:A", 0, 0)], letters) as connection:
        (found,) = connection.execute(
            "SELECT complete_from, complete_to, reason FROM core.instrument_completeness "
            "WHERE table_name = 'core.trades'"
        ).fetchall()
        return tuple(found)


def test_an_unread_row_is_a_gap_of_its_instrument() -> None:
    one = "1 row could not be read"
    assert stretch([]) == (at(0), at(48), "since trading opened")
    assert stretch([letter(10, 11, "kalshi:A")]) == (at(11), at(48), one)
    assert stretch([letter(10, 11, "kalshi:B")]) == (at(0), at(48), "since trading opened")
    assert stretch([letter(10, 11)]) == (at(11), at(48), one), "it may be anyone's"
    assert stretch([letter(10, 11, "kalshi:A", venue="polymarket")])[:2] == (at(11), at(48))
    assert stretch([letter(40, 48, "kalshi:A")]) == (at(0), at(40), one)
    assert stretch([letter(5, 6), letter(40, 48, "kalshi:A")]) == (at(6), at(40), one)
    assert stretch([letter(0, 30), letter(20, 48)]) == (None, None, "4 rows could not be read")
    assert stretch([letter(10, 11, "kalshi:A", closed_at=at(60))])[:2] == (at(0), at(48)), "read since"
    assert stretch([letter(10, 11, "kalshi:A", endpoint="import:x:y.csv")])[:2] == (at(0), at(48))
    assert stretch([letter(50, 51, "kalshi:A")])[:2] == (at(0), at(48)), "outside of what is claimed"


def test_a_day_with_an_unread_row_is_read_to_its_end_but_not_complete(tmp_path: Path) -> None:
    windows = [window(0, 48, 1), window(0, 48, 1, table_name="core.fills", scope="code-a", unit_id="u1")]
    windows.append(window(0, 48, 1, table_name="core.fills", scope="code-b", unit_id="u2"))
    letters = [letter(10, 11, "kalshi:A", unread_rows=2)]
    letters.append(letter(30, 31, None, table_name="core.fills", scope="code-a"))
    with catalog(tmp_path, ingest_windows=windows, dead_letters=letters) as connection:
        found = connection.execute(
            "SELECT table_name, scope, day(date), complete_minutes, unread_rows, is_complete FROM core.coverage_daily"
        ).fetchall()
        assert len(connection.execute("FROM core.coverage_daily LIMIT 2").fetchall()) == 2
        said = connection.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'coverage_daily' AND column_name = 'is_complete'"
        ).fetchall()
    assert found == [
        ("core.fills", "code-a", 1, 1440, 0, True),
        ("core.fills", "code-a", 2, 1440, 1, False),
        ("core.fills", "code-b", 1, 1440, 0, True),
        ("core.fills", "code-b", 2, 1440, 0, True),
        ("core.trades", "configured", 1, 1440, 2, False),
        ("core.trades", "configured", 2, 1440, 0, True),
    ]
    assert "scope" in str(said[0][0])


def test_the_first_rows_of_the_days_are_read_where_nothing_is_unread(tmp_path: Path) -> None:
    with catalog(tmp_path, ingest_windows=[window(0, 72, 1)]) as connection:
        assert len(connection.execute("FROM core.coverage_daily LIMIT 2").fetchall()) == 2
        late = connection.execute("SELECT min(late_rows) FROM core.table_health").fetchall()
    assert late[0][0] is None or late[0][0] >= 0


def test_days_long_before_the_others_are_listed_without_the_days_between(tmp_path: Path) -> None:
    old = (datetime(1970, 1, 1, tzinfo=UTC) - START) / timedelta(hours=1)
    windows = [window(old, old + 24, 1, unit_id="u"), window(0, 24, 1, unit_id="u"), window(72, 80, 1, unit_id="u")]
    bare = {"from_at": None, "to_at": None, "unit_id": "u"}
    letters = [letter(0, 1, "kalshi:A", **bare), letter(0, 2, "kalshi:A", **{**bare, "from_at": at(75)})]
    with catalog(tmp_path, ingest_windows=windows, dead_letters=letters) as connection:
        days = connection.execute("SELECT date, missing_minutes FROM core.coverage_daily").fetchall()
        lost = connection.execute("SELECT date, unread_rows, from_at, to_at FROM core.unread_rows").fetchall()
    first = date(1970, 1, 1)
    assert days == [(first, 0), (date(2026, 11, 1), 0), *((date(2026, 11, n), 1440) for n in (2, 3)),
                    (date(2026, 11, 4), 960)]  # fmt: skip
    assert lost == [
        (first, 1, at(old), at(old + 24)),
        (date(2026, 11, 1), 1, at(0), at(24)),
        (date(2026, 11, 4), 2, at(72), at(80)),
    ]
