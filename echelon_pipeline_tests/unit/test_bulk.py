"""Bulk imports: columns, units, times, rows that break rules, duplicates, and what an import may not replace."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk import import_file
from echelon_pipeline.ingest.bulk_job import IDENTICAL_ROW, SAME_KEY, STORED_ELSEWHERE
from echelon_pipeline.ingest.mappings import TARGETS
from echelon_pipeline.ingest.presets import presets
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import connect, load_macros
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline_tests.imported import Row, home_in, load, rows_of, write_csv

TRADE = {"market": "KXA-1", "at": "2026-01-02T03:04:05Z", "price": "0.25", "count": "10", "taker": "yes"}
NO_UNIT = (
    "the number is no time from 2000 to 9999 in the unit that the mapping names; units are event_at (a text with date "
    "and time), event_at_epoch_s, event_at_epoch_ms, event_at_epoch_us, event_at_epoch_ns"
)
TRADES = {"instrument": "market", "event_at": "at", "price": "price", "size": "count", "side": "taker"}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def test_a_mapped_csv_becomes_exact_trades_with_the_source_kept(home: Settings, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "t.csv", [TRADE | {"price": "0.123456789012"}, TRADE | {"taker": "no", "price": "0.75"}]
    )
    report = load(home, path, "trades", TRADES, source="vendor")
    yes, no = sorted(rows_of(home, "core.trades"), key=lambda r: r["outcome_index"])
    assert (report.rows_read, report.rows_new, report.source) == (2, 2, "import:vendor")
    assert (yes["price"], yes["price_0"], yes["price_text"]) == (Decimal("0.123456789012"),) * 2 + ("0.123456789012",)
    assert (no["outcome_index"], no["price_0"], no["taker_direction"]) == (1, Decimal("0.25"), -1)
    assert no["taker_notional_usd"] == Decimal("7.5")
    assert {r["identity"] for r in (yes, no)} == {"weak"}
    assert {r["source"] for r in (yes, no)} == {"import:vendor"}
    assert yes["event_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_units_come_from_the_fields_name_never_from_magnitude(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE | {"price": "1", "at": "1767323045000"}])
    mapping = {k: v for k, v in TRADES.items() if k not in {"price", "event_at"}}
    load(home, path, "trades", mapping | {"price_cents": "price", "event_at_epoch_ms": "at"})
    (row,) = rows_of(home, "core.trades")
    assert row["price"] == Decimal("0.01")
    assert row["event_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_literal_stands_for_a_column_that_the_file_lacks(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [{k: v for k, v in TRADE.items() if k != "market"}])
    load(home, path, "trades", TRADES | {"instrument": "=KXB-2"})
    assert [r["instrument_id"] for r in rows_of(home, "core.trades")] == ["kalshi:KXB-2"]


def test_a_misnamed_column_names_file_field_columns_and_the_closest(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE])
    with pytest.raises(
        BadImport, match=r"t\.csv: has no column prize \(for price\).*market, at, price.*closest: price"
    ):
        load(home, path, "trades", TRADES | {"price": "prize"})


def test_a_missing_field_names_the_file_and_what_would_do(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE])
    with pytest.raises(BadImport, match=r"t\.csv: trades needs price or price_0; columns found: market"):
        load(home, path, "trades", {k: v for k, v in TRADES.items() if k != "price"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mapping": TRADES | {"sizes": "count"}}, r"trades has no field 'sizes' \(did you mean size"),
        ({"table": "trade"}, r"'trade' cannot be imported \(did you mean trades"),
        ({"mapping": None, "preset": "pancakes"}, r"no preset 'pancakes' \(did you mean pancake"),
        (
            {"mapping": None, "preset": "pancake"},
            "preset pancake loads daily-prices, instruments, resolutions, not trades",
        ),
        ({"mapping": None}, "either a mapping or a preset; columns found: market"),
        ({"naive_tz": "Mars/Olympus"}, "'Mars/Olympus' is not a time zone"),
        ({"venue": "kalsi"}, "not 'kalsi'"),
    ],
)
def test_what_cannot_be_meant_is_refused(home: Settings, tmp_path: Path, change: Row, message: str) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE])
    asked: Row = {"table": "trades", "venue": "kalshi", "mapping": TRADES} | change
    with pytest.raises(BadImport, match=message):
        import_file(home, path, **asked)


def test_a_preset_refuses_a_file_without_its_columns(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE])
    with pytest.raises(BadImport, match=r"t\.csv: has no column timestamp, market_ticker"):
        import_file(home, path, table="quotes", venue="kalshi", preset="kalshi_book_top")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        *(({"price": p}, "price: price is not a number from 0 to 1") for p in ("1.5", "-0.1", "abc", "nan", "1e99")),
        ({"price": ""}, "price: no price"),
        *(({"count": n}, "size: size is not a number above 0") for n in ("-1", "0", "", "many", "inf")),
        ({"at": ""}, "event_at: no time"),
        *(({"at": t}, "event_at: not a time") for t in ("soon", "0001-01-01T00:00:00Z", "2026-13-01")),
        ({"at": "1767323045"}, f"event_at: {NO_UNIT}"),
        ({"taker": "maybe"}, "side: side is not buy, sell, bid, ask, yes or no"),
        ({"market": ""}, "instrument: no instrument"),
    ],
)
def test_a_row_that_breaks_a_rule_is_a_dead_letter_and_its_neighbour_is_loaded(
    home: Settings, tmp_path: Path, bad: Row, reason: str
) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE, TRADE | bad])
    report = load(home, path, "trades", TRADES)
    assert (report.rows_committed, report.dead_letters, report.reasons) == (1, 1, {reason: 1})
    (letter,) = rows_of(home, "core.dead_letters")
    assert letter["path"].startswith("$[1].")
    assert json.loads(letter["payload"]) == {k: v or None for k, v in (TRADE | bad).items()}
    assert (letter["table_name"], letter["endpoint"]) == ("core.trades", "import:t.csv:t.csv")
    assert len(rows_of(home, "core.trades")) == 1


def test_importing_a_file_again_adds_nothing(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE, TRADE, TRADE | {"price": "7"}])
    first = load(home, path, "trades", TRADES)
    lake = Lake.of(home)
    versions = {t: lake.version(t) for t in ("core.trades", "core.dead_letters")}
    later = home.model_copy(update={"now": datetime(2026, 11, 21, tzinfo=UTC)})
    again = load(later, path, "trades", TRADES)
    assert (first.rows_new, again.rows_new, again.rows_committed) == (2, 0, 2)
    assert again.reasons == first.reasons
    assert {t: lake.version(t) for t in versions} == versions


def test_identical_prints_are_real_and_all_kept(home: Settings, tmp_path: Path) -> None:
    report = load(home, write_csv(tmp_path / "t.csv", [TRADE] * 3), "trades", TRADES)
    rows = rows_of(home, "core.trades")
    assert report.rows_new == 3
    assert sorted(r["ordinal"] for r in rows) == [0, 1, 2]
    assert len({r["trade_id"] for r in rows}) == 3


def test_a_kalshi_trade_id_is_an_identity_and_repeats_are_counted(home: Settings, tmp_path: Path) -> None:
    rows = [TRADE | {"id": "a"}, TRADE | {"id": "a"}, TRADE | {"id": "a", "price": "0.5"}]
    report = load(home, write_csv(tmp_path / "t.csv", rows), "trades", TRADES | {"trade_id": "id"})
    assert report.reasons == {SAME_KEY: 2} or report.reasons == {SAME_KEY: 1, IDENTICAL_ROW: 1}
    assert [(r["trade_id"], r["identity"]) for r in rows_of(home, "core.trades")] == [("a", "strong")]


def test_every_format_gives_the_same_rows(home: Settings, tmp_path: Path) -> None:
    rows = [TRADE, TRADE | {"price": "0.00001"}]
    paths = [write_csv(tmp_path / "t.csv", rows), write_csv(tmp_path / "u.csv.gz", rows)]
    lines = "\n".join(json.dumps(r | {"price": float(r["price"])}) for r in rows)
    (tmp_path / "v.jsonl").write_text(lines + "\n\n")
    (tmp_path / "w.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "x.json").write_text(json.dumps(rows))
    pq.write_table(pa.Table.from_pylist([r | {"price": float(r["price"])} for r in rows]), tmp_path / "y.parquet")
    paths += [tmp_path / name for name in ("v.jsonl", "w.ndjson.gz", "x.json", "y.parquet")]
    for path in paths:
        assert load(home, path, "trades", TRADES).rows_new == 2, path.name
    found = {(r["instrument_id"], r["event_at"], r["price"], r["size"]) for r in rows_of(home, "core.trades")}
    assert len(rows_of(home, "core.trades")) == 12
    assert {f[2] for f in found} == {Decimal("0.25"), Decimal("0.00001")}
    assert len(found) == 2


def test_a_decimal_column_keeps_all_its_digits(home: Settings, tmp_path: Path) -> None:
    column = pa.array([Decimal("0.123456789012")], pa.decimal128(38, 12))
    table = pa.table({k: pa.array([v]) for k, v in TRADE.items()} | {"price": column})
    pq.write_table(table, tmp_path / "t.parquet")
    load(home, tmp_path / "t.parquet", "trades", TRADES)
    assert rows_of(home, "core.trades")[0]["price"] == Decimal("0.123456789012")


def test_lines_that_are_no_record_are_dead_letters(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE])
    path.write_text(path.read_text() + "KXA-1,too,many,cells,in,this,line\nfew\n")
    report = load(home, path, "trades", TRADES)
    assert (report.records, report.rows_committed) == (3, 1)
    assert report.reasons == {"the line does not have the cells of the header": 2}
    lines = tmp_path / "u.jsonl"
    lines.write_text(json.dumps(TRADE) + '\n{"market": "KXA\n[1]\n')
    report = load(home, lines, "trades", TRADES)
    assert report.reasons == {"not JSON": 1, "not a JSON object": 1}
    assert '{"market": "KXA' in {r["payload"] for r in rows_of(home, "core.dead_letters")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("empty.jsonl", b""),
        ("empty.parquet", b""),
        ("torn.parquet", b"PAR1" + b"\0" * 40),
        ("torn.csv.gz", gzip.compress(b"market,at\n" * 5000, mtime=0)[:30]),
        ("torn.json", b'[{"market": '),
        ("notes.txt", b"hello"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(home: Settings, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadImport, match=name):
        load(home, tmp_path / name, "trades", TRADES)


def test_a_missing_file_is_named(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadImport, match=r"gone\.csv: no such file"):
        load(home, tmp_path / "gone.csv", "trades", TRADES)


def test_a_file_with_a_header_only_loads_nothing(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(TRADE) + "\n")
    assert load(home, tmp_path / "t.csv", "trades", TRADES).rows_read == 0


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-07-01 12:00:00", None, 12),
        ("2026-07-01 12:00:00", "America/New_York", 16),
        ("2026-07-01T12:00:00-07:00", "America/New_York", 19),
    ],
)
def test_times_without_an_offset_are_of_the_zone_that_is_said(
    home: Settings, tmp_path: Path, text: str, zone: str | None, utc: int
) -> None:
    report = load(home, write_csv(tmp_path / "t.csv", [TRADE | {"at": text}]), "trades", TRADES, naive_tz=zone)
    assert report.naive_tz == (zone or "UTC")
    assert rows_of(home, "core.trades")[0]["event_at"] == datetime(2026, 7, 1, utc, tzinfo=UTC)
    assert f"read as {report.naive_tz}" in rows_of(home, "core.ingest_windows")[0]["reason"]


def test_the_window_says_partial_and_spans_the_rows(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE, TRADE | {"at": "2026-01-05T00:00:00Z"}, TRADE | {"price": "2"}])
    load(home, path, "trades", TRADES, source="vendor")
    (window,) = rows_of(home, "core.ingest_windows")
    assert (window["state"], window["scope"], window["table_name"]) == ("partial", "import:vendor", "core.trades")
    assert (window["rows"], window["dead_letters"]) == (2, 1)
    assert window["from_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert window["to_at"] == datetime(2026, 1, 5, 0, 0, 0, 1, tzinfo=UTC)


OUTCOMES = [
    {"condition": "0xc", "token": "11", "position": "0", "label": "Up"},
    {"condition": "0xc", "token": "22", "position": "1", "label": "Down"},
]


def with_outcomes(home: Settings, tmp_path: Path) -> None:
    mapping = {"instrument": "condition", "token_id": "token", "outcome_index": "position", "label": "label"}
    load(home, write_csv(tmp_path / "outcomes.csv", OUTCOMES), "outcomes", mapping, "polymarket")


PRINT = {"asset": "22", "condition": "0xc", "at": "2026-01-02T00:00:00Z", "price": "0.3", "size": "5", "side": "SELL"}
PRINTS = {"token_id": "asset", "event_at": "at", "price": "price", "size": "size", "side": "side"}


def test_a_token_names_instrument_and_outcome_where_the_lake_knows_it(home: Settings, tmp_path: Path) -> None:
    with_outcomes(home, tmp_path)
    load(home, write_csv(tmp_path / "t.csv", [PRINT]), "trades", PRINTS, "polymarket")
    (row,) = rows_of(home, "core.trades")
    assert (row["instrument_id"], row["outcome_index"], row["price_0"]) == ("polymarket:0xc", 1, Decimal("0.7"))
    assert row["taker_direction"] == 1


def test_an_unknown_token_keeps_its_trade_without_an_outcome(home: Settings, tmp_path: Path) -> None:
    load(home, write_csv(tmp_path / "t.csv", [PRINT]), "trades", PRINTS | {"instrument": "condition"}, "polymarket")
    (row,) = rows_of(home, "core.trades")
    assert (row["outcome_index"], row["price_0"], row["taker_direction"]) == (None, None, None)
    assert row["unmapped_reason"] == "token is not in core.outcomes"


def test_encodings_that_disagree_are_dead_letters(home: Settings, tmp_path: Path) -> None:
    with_outcomes(home, tmp_path)
    rows = [PRINT | {"position": "1", "condition": "0xd"}, PRINT | {"position": "0"}, PRINT | {"position": "1"}]
    mapping = PRINTS | {"instrument": "condition", "outcome_index": "position"}
    report = load(home, write_csv(tmp_path / "t.csv", rows), "trades", mapping, "polymarket")
    assert report.rows_committed == 1
    assert report.reasons == {
        "token_id: token belongs to another instrument in core.outcomes": 1,
        "outcome_index: the outcome is said twice and the two disagree": 1,
    }


BAR = {"token": "11", "t": "1704067203", "o": "0.5", "h": "0.6", "l": "0.4", "c": "0.45"}
BARS = {
    "token_id": "token",
    "closes_at_epoch_s": "t",
    "open": "o",
    "high": "h",
    "low": "l",
    "close": "c",
    "price_source": "=mid_sample",
}


@pytest.mark.parametrize(("late", "day"), [(0, 31), (20, 31), (59, 31), (61, 1), (86399, 1)])
def test_a_point_at_midnight_is_the_close_of_the_day_before(
    home: Settings, tmp_path: Path, late: int, day: int
) -> None:
    with_outcomes(home, tmp_path)
    bar = BAR | {"t": str(1704067200 + late)}  # 2024-01-01T00:00:00Z
    load(home, write_csv(tmp_path / "d.csv", [bar]), "daily-prices", BARS, "polymarket")
    (row,) = rows_of(home, "core.daily_prices")
    assert row["date"] == (date(2023, 12, 31) if day == 31 else date(2024, 1, 1))
    assert (row["volume"], row["vwap"], row["is_complete"]) == (None, None, False)


def test_a_bar_of_outcome_1_is_turned_and_yields_to_outcome_0s_own(home: Settings, tmp_path: Path) -> None:
    with_outcomes(home, tmp_path)
    mirror = BAR | {"token": "22"}
    load(home, write_csv(tmp_path / "d.csv", [mirror]), "daily-prices", BARS, "polymarket", source="s")
    (row,) = rows_of(home, "core.daily_prices")
    assert [row[c] for c in ("open", "high", "low", "close")] == [Decimal(x) for x in ("0.5", "0.6", "0.4", "0.55")]
    own = BAR | {"c": "0.56", "h": "0.7"}
    path = write_csv(tmp_path / "e.csv", [own, mirror])
    report = load(home, path, "daily-prices", BARS, "polymarket", source="s")
    assert report.reasons == {SAME_KEY: 1}
    assert [r["close"] for r in rows_of(home, "core.daily_prices")] == [Decimal("0.56")]


def test_a_bar_of_an_unknown_token_is_kept_as_a_dead_letter(home: Settings, tmp_path: Path) -> None:
    report = load(home, write_csv(tmp_path / "d.csv", [BAR]), "daily-prices", BARS, "polymarket")
    assert report.dead_letters == 1
    assert "not in core.outcomes" in next(iter(report.reasons))


def test_an_import_never_replaces_what_another_source_wrote(home: Settings, tmp_path: Path) -> None:
    with_outcomes(home, tmp_path)
    path = write_csv(tmp_path / "d.csv", [BAR])
    load(home, path, "daily-prices", BARS, "polymarket", source="venue")
    other = write_csv(tmp_path / "e.csv", [BAR | {"c": "0.5"}])
    report = load(home, other, "daily-prices", BARS, "polymarket", source="vendor")
    assert report.reasons == {STORED_ELSEWHERE: 1}
    assert [r["source"] for r in rows_of(home, "core.daily_prices")] == ["import:venue"]
    report = load(home, other, "daily-prices", BARS, "polymarket", source="venue")
    assert (report.rows_committed, report.rows_new) == (1, 0)
    assert [r["close"] for r in rows_of(home, "core.daily_prices")] == [Decimal("0.5")]


QUOTE = {"ticker": "KXA-1", "at": "2026-01-02T00:00:00Z", "bid": "2", "no_bid": "38", "ask": "62"}
QUOTES = {
    "instrument": "ticker",
    "observed_at": "at",
    "best_bid_cents": "bid",
    "other_bid_cents": "no_bid",
    "best_ask_cents": "ask",
}


def test_a_bid_for_the_other_side_is_an_ask_and_must_agree_with_it(home: Settings, tmp_path: Path) -> None:
    rows = [
        QUOTE,
        QUOTE | {"ask": "61", "ticker": "KXA-2"},
        QUOTE | {"bid": "0", "no_bid": "0", "ask": "100", "ticker": "KXA-3"},
    ]
    report = load(home, write_csv(tmp_path / "q.csv", rows), "quotes", QUOTES)
    assert report.reasons == {"best_ask: the quote is said twice and the two disagree": 1}
    quoted, empty = rows_of(home, "core.instrument_quotes")
    assert (quoted["best_bid"], quoted["best_ask"]) == (Decimal("0.02"), Decimal("0.62"))
    assert (empty["best_bid"], empty["best_ask"]) == (None, None)


def test_resolutions_pay_by_result_value_or_known_label(home: Settings, tmp_path: Path) -> None:
    rows = [
        {"id": "K-1", "result": "yes", "value": "1.0"},
        {"id": "K-2", "result": "no", "value": ""},
        {"id": "K-3", "result": "no", "value": "1"},
        {"id": "K-4", "result": "", "value": ""},
        {"id": "K-5", "result": "scalar", "value": "0.35"},
    ]
    mapping = {"instrument": "id", "result": "result", "payout_0": "value"}
    report = load(home, write_csv(tmp_path / "r.csv", rows), "resolutions", mapping)
    assert report.reasons == {"payout_0: result and payout disagree": 1, "result: no result": 1}
    payouts = {r["instrument_id"]: (r["payout_0"], r["payout_1"]) for r in rows_of(home, "core.resolutions")}
    one, nil = Decimal(1), Decimal(0)
    assert payouts == {
        "kalshi:K-1": (one, nil),
        "kalshi:K-2": (nil, one),
        "kalshi:K-5": (Decimal("0.35"), Decimal("0.65")),
    }


def test_a_label_pays_only_where_the_lake_knows_whose_it_is(home: Settings, tmp_path: Path) -> None:
    with_outcomes(home, tmp_path)
    rows = [{"id": "0xc", "won": "Down"}, {"id": "0xd", "won": "Down"}]
    load(home, write_csv(tmp_path / "r.csv", rows), "resolutions", {"instrument": "id", "result": "won"}, "polymarket")
    known, unknown = rows_of(home, "core.resolutions")
    assert (known["payout_0"], known["payout_1"], known["unresolved_reason"]) == (Decimal(0), Decimal(1), None)
    assert (unknown["payout_0"], unknown["result"]) == (None, "Down")
    assert "label" in unknown["unresolved_reason"]


def test_payouts_that_do_not_sum_to_1_are_unresolved(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", [{"id": "0xc", "a": "0", "b": "0"}])
    load(home, path, "resolutions", {"instrument": "id", "payout_0": "a", "payout_1": "b"}, "polymarket")
    (row,) = rows_of(home, "core.resolutions")
    assert (row["status"], row["payout_0"], row["unresolved_reason"]) == ("unresolved", None, "payouts do not sum to 1")


def test_rows_of_another_venue_are_counted_not_mixed_in(home: Settings, tmp_path: Path) -> None:
    rows = [QUOTE | {"v": v, "ticker": t} for v, t in (("kalshi", "KXA-1"), ("polymarket", "0xa"), ("other", "KXA-1"))]
    mapping = QUOTES | {"venue": "v"}
    report = load(home, write_csv(tmp_path / "q.csv", rows), "quotes", mapping)
    assert report.reasons == {"row of another venue": 1, "venue is not polymarket or kalshi": 1}
    report = load(home, write_csv(tmp_path / "p.csv", rows), "quotes", mapping, "any")
    assert report.rows_committed == 2
    assert {r["venue"] for r in rows_of(home, "core.instrument_quotes")} == {"kalshi", "polymarket"}


def test_every_preset_loads_importable_tables_and_states_its_columns_and_source() -> None:
    for name, tables in presets().items():
        assert tables, name
        for table in tables:
            header = statement(f"import/presets/{name}/{table.replace('-', '_')}").header
            assert table in TARGETS
            assert header["about"]
            assert header["columns"]
            assert header["source"]


TEXTS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-2, max_value=2).map(str),
    st.integers(-3, 300).map(str),
    st.sampled_from(["", " ", "0.5 ", "1e-3", "half", "NaN", "-0", "0.1.2", "\uff11"]),
)


@pytest.fixture(scope="module")
def macros() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(threads=1) as connection:
        load_macros(connection, "import/macros")
        yield connection


@settings(max_examples=200)
@given(text=TEXTS)
def test_prices_are_read_exactly_or_not_at_all(macros: duckdb.DuckDBPyConnection, text: str) -> None:
    query = "SELECT import_price($t), import_cents($t), import_off($t)"
    price, cents, off = macros.execute(query, {"t": text}).fetchall()[0]
    exact = _exact(text)
    assert price == exact
    assert cents == text if exact is None else Decimal(cents) == exact / 100
    assert off == (exact is None or not 0 <= exact <= 1)


def _exact(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip())
    except ArithmeticError:
        return None
    return value if text.isascii() and value.is_finite() else None


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=30))
def test_every_row_is_accounted_for_whatever_the_file_holds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = write_csv(folder / "t.csv", [TRADE | {"price": p, "count": n} for p, n in rows])
    report = load(home_in(folder), path, "trades", TRADES)
    assert report.rows_read == report.records == len(rows)
    assert report.rows_committed == sum(_is_trade(price, size) for price, size in rows)


def _is_trade(price: str, size: str) -> bool:
    p, n = _exact(price), _exact(size)
    return p is not None and n is not None and 0 <= p <= 1 and round(n, 6) > 0
