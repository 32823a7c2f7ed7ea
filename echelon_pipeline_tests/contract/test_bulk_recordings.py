"""Recorded bulk files: each is loaded with exact accounts, or listed as not loadable with the reason.

``accounting()`` imports every loadable file and returns the counts per kind; run this module to print them.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk import ImportReport, import_file
from echelon_pipeline.ingest.bulk_files import read_records
from echelon_pipeline.ingest.bulk_job import IDENTICAL_ROW
from echelon_pipeline.ingest.bulk_paths import Layout
from echelon_pipeline.ingest.presets import fitting, suggestion
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import Settings
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline_tests.contract.positions import outcome_tokens
from echelon_pipeline_tests.fakes import RECORDINGS, needs_recordings, recorded

pytestmark = needs_recordings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Row = dict[str, Any]
Expected = tuple[str, Row]
PANCAKE = "polymarket/history"
RESOLUTIONS = f"{PANCAKE}/resolutions_*.parquet"
CANDLES = f"{PANCAKE}/candles_1d_*.parquet"
SOME_CANDLES = f"{PANCAKE}/candles_1d_2024-0[12].parquet"


# --- reading the recordings in plain Python


def paths(pattern: str) -> list[Path]:
    return sorted(RECORDINGS.glob(pattern))


def read(path: Path) -> list[Row]:
    """Every record of a file, by its ending."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        rows: list[Row] = pq.read_table(path).to_pylist()
        return rows
    data = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode("utf-8-sig")
    if name.endswith(".csv"):
        return [{k: v or None for k, v in row.items()} for row in csv.DictReader(data.splitlines())]
    if name.endswith(".jsonl"):
        return [json.loads(line, parse_float=Decimal) for line in data.splitlines() if line]
    whole: list[Row] = json.loads(data)
    return whole


def manifest() -> dict[str, int]:
    """Path to record count, as the manifest says."""
    found = {}
    for line in (RECORDINGS / "MANIFEST.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.match(r"\| [a-z]+/", line) and len(cells) >= 5 and cells[3].isdigit():
            found[cells[0]] = int(cells[3])
    return found


def number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def quote_price(value: object, nothing: int) -> Decimal | None:
    """A quote's price; 0 bid and 1 asked is no quote."""
    price = number(value)
    return None if price is None or price == nothing else price


def iso(text: str, zone: str = "UTC") -> datetime:
    at = datetime.fromisoformat(text)
    return (at.replace(tzinfo=ZoneInfo(zone)) if at.tzinfo is None else at).astimezone(UTC)


# --- what each kind of file must give: (id, columns) of every row that is expected in the lake


def candle_markets() -> dict[str, str]:
    """The publisher's market id to the condition id, through its resolutions."""
    rows = (row for path in paths(RESOLUTIONS) for row in read(path))
    return {r["market_id"]: json.loads(r["external_ids"])["condition_id"] for r in rows}


@cache
def known_outcomes(pattern: str, among: str = "") -> list[tuple[str, str, int]]:
    """(condition, token, index) of the bars' tokens: proven by the chain's own arithmetic, no label is believed.

    ``among``: only of markets with a token in this text file.
    """
    text = gzip.decompress((RECORDINGS / among).read_bytes()).decode() if among else ""
    conditions = candle_markets()
    tokens: dict[str, set[str]] = {}
    for path in paths(pattern):
        for row in pq.read_table(path, columns=["market_id", "external_ids"]).to_pylist():
            tokens.setdefault(row["market_id"], set()).add(json.loads(row["external_ids"])["token_id"])
    found = []
    for market in sorted(tokens.keys() & conditions.keys()):
        if among and not any(token in text for token in tokens[market]):
            continue
        for neg_risk in (False, True):
            pair = outcome_tokens(conditions[market], neg_risk=neg_risk)
            if set(pair) == tokens[market]:
                found += [(conditions[market], token, index) for index, token in enumerate(pair)]
    return found


def candle_rows(path: Path, tokens: dict[str, tuple[str, int]]) -> Iterator[Expected]:
    for bar in read(path):
        condition, index = tokens.get(json.loads(bar["external_ids"])["token_id"], (None, 1))
        if index == 0:
            day = (datetime.fromtimestamp(bar["observed_at"], UTC) - timedelta(minutes=1)).date()
            yield (
                f"polymarket:{condition}|{day}|mid_sample",
                {c: number(bar[c]) for c in ("open", "high", "low", "close")}
                | {"date": day, "volume": None, "n_samples": 1, "grain_seconds": 86400},
            )


def pancake_instruments(path: Path) -> Iterator[Expected]:
    words = {"open": "active", "resolved": "settled"}
    for row in read(path):
        condition = json.loads(row["external_ids"])["polymarket_condition_id"]
        if condition:
            yield (
                f"polymarket:{condition}",
                {"title": row["title"], "status": words[row["status"]], "closes_at": iso(row["resolves_at_planned"])},
            )


def pancake_resolutions(path: Path) -> Iterator[Expected]:
    for row in read(path):
        yield (
            f"polymarket:{json.loads(row['external_ids'])['condition_id']}|import:pancake",
            {"result": row["winning_outcome_label"], "resolved_at": datetime.fromtimestamp(row["resolved_at"], UTC)}
            | {"payout_0": None, "status": "settled"},
        )


def event_rows(path: Path) -> Iterator[Expected]:
    for event in read(path):
        if event["endDate"] >= "1970":
            yield f"polymarket:{event['id']}", {"title": event["title"], "ends_at": iso(event["endDate"])}


def trade_rows(path: Path) -> Iterator[Expected]:
    for row in read(path):
        at = iso(row["timestamp"], "America/New_York")
        price, size = Decimal(row["price"]), Decimal(row["size"])
        parts = (f"{at:%Y-%m-%d %H:%M:%S}", row["price"], f"{size:.6f}", row["side"].lower(), row["proxyWallet"])
        yield (
            "|".join((row["asset"], *parts)),
            {"instrument_id": f"polymarket:{row['conditionId']}", "price": price.quantize(Decimal("1e-12"))},
        )


def fifteen_minutes(path: Path) -> Iterator[Expected]:
    for row in read(path):
        if row["result"] in ("yes", "no"):
            ticker = f"{row['event_ticker']}-{row['event_ticker'][-2:]}"
            yes = Decimal(row["result"] == "yes")
            yield (
                f"kalshi:{ticker}|import:kalshi_15m_results",
                {"payout_0": yes, "payout_1": 1 - yes, "expiration_value": row["expiration_value"]},
            )


def fifteen_minute_instruments(path: Path) -> Iterator[Expected]:
    for row in read(path):
        if row["result"] in ("yes", "no"):
            yield (
                f"kalshi:{row['event_ticker']}-{row['event_ticker'][-2:]}",
                {"floor_strike": row["floor_strike"], "closes_at": iso(row["close_time"]), "status": "settled"},
            )


def weather_results(path: Path) -> Iterator[Expected]:
    for row in read(path):
        yield f"kalshi:{row['market_ticker']}|import:kalshi_weather_results", {"result": row["result"]}


def weather_instruments(path: Path) -> Iterator[Expected]:
    for row in read(path):
        floor = None if row["side"] == "tail_lo" else row["lower"]
        yield f"kalshi:{row['market_ticker']}", {"event_id": f"kalshi:{row['event_ticker']}", "floor_strike": floor}


def census_instruments(path: Path) -> Iterator[Expected]:
    words = {"finalized": "settled", "initialized": "unopened", "inactive": "paused"}
    for row in read(path):
        yield (
            f"kalshi:{row['ticker']}",
            {"status": words.get(row["status"], row["status"]), "series_id": f"kalshi:{row['series_ticker']}"},
        )


def census_events(path: Path) -> Iterator[Expected]:
    for row in read(path):
        exclusive = row["mutually_exclusive"] in ("1", "True")
        yield f"kalshi:{row['event_ticker']}", {"is_mutually_exclusive": exclusive}


def ledger_rows(path: Path) -> Iterator[Expected]:
    for row in read(path):
        yes = Decimal(row["result"] == "yes")
        assert row["settlement_value"] in (None, yes)
        yield (
            f"kalshi:{row['ticker']}|import:kalshi_settlement_ledger",
            {"payout_0": yes, "resolved_at": iso(row["settlement_ts"]) if row["settlement_ts"] else None},
        )


def _quote(at: datetime, ticker: str, bid: object, ask: object, **more: object) -> Expected:
    prices = {"best_bid": quote_price(bid, 0), "best_ask": quote_price(ask, 1)}
    return f"kalshi:{ticker}|{at:%Y-%m-%d %H:%M:%S.%f}", prices | more


def econ_quotes(path: Path) -> Iterator[Expected]:
    for row in read(path):
        for strike in (s for e in row["open_events"]["events"] for s in e["strikes"]):
            yield _quote(iso(row["captured_at"]), strike["ticker"], strike["yes_bid"], strike["yes_ask"])


def sports_quotes(path: Path) -> Iterator[Expected]:
    for row in read(path):
        for outcome in row["outcomes"]:
            yield _quote(iso(row["captured_at"]), outcome["ticker"], outcome["yes_bid"], outcome["yes_ask"])


def weather_quotes(path: Path) -> Iterator[Expected]:
    for row in read(path):
        size = number(row["yes_bids"][0][1]) if row["yes_bids"] else None
        at = iso(row["captured_at"])
        yield _quote(at, row["ticker"], row["best_yes_bid"], row["best_yes_ask"], best_bid_size=size)


def book_top_quotes(path: Path) -> Iterator[Expected]:
    for row in read(path):
        at = iso(row["timestamp"], "America/Los_Angeles")
        bid, ask = Decimal(row["best_yes_bid"]) / 100, 1 - Decimal(row["best_no_bid"]) / 100
        yield _quote(at, row["market_ticker"], bid, ask)


def paired_quotes(path: Path) -> Iterator[Expected]:
    for row in read(path):
        yield _quote(
            iso(row["captured_at"]), row["kalshi"]["ticker"], row["kalshi"]["yes_bid"], row["kalshi"]["yes_ask"]
        )


def poll_quotes(path: Path) -> Iterator[Expected]:
    for row in read(path):
        dollars = row["platform"] == "polymarket"
        volume = Decimal(row["volume"]).quantize(Decimal("1e-6"), ROUND_HALF_UP)
        yield (
            f"{row['platform']}:{row['market_id']}|{iso(row['ingested_at']):%Y-%m-%d %H:%M:%S.%f}",
            {"volume_usd": volume if dollars else None, "volume": None if dollars else volume, "last_price": None},
        )


# --- the kinds

QUOTE_KEY = "instrument_id || '|' || strftime(observed_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')"
TRADE_KEY = (
    "concat_ws('|', token_id, strftime(event_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S'), price_text, size, "
    "taker_side, trader)"
)
KEYS = {
    "trades": TRADE_KEY,
    "quotes": QUOTE_KEY,
    "daily-prices": "instrument_id || '|' || date || '|' || price_source",
    "resolutions": "instrument_id || '|' || source",
    "instruments": "instrument_id",
    "events": "event_id",
}
TABLES = {"daily-prices": "core.daily_prices", "quotes": "core.instrument_quotes"}
PAIRED = {
    "instrument": "kalshi.ticker",
    "observed_at": "captured_at",
    "best_bid": "kalshi.yes_bid",
    "best_ask": "kalshi.yes_ask",
    "other_bid": "kalshi.no_bid",
    "other_ask": "kalshi.no_ask",
}


@dataclass(frozen=True)
class Kind:
    """One kind of recorded file. ``rows_of``: rows in a record; ``dead``: expected dead letters by reason."""

    pattern: str
    table: str
    preset: str
    expected: Callable[[Path], Iterable[Expected]]
    venue: str = "kalshi"
    mapping: dict[str, str] | None = None
    rows_of: Callable[[Row], int] = lambda _: 1
    dead: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0


NO_TOKEN = "token_id: token is not in core.outcomes: load its market or its outcomes first"
NO_RESULT = "result: no result"
NO_CONDITION = (
    "instrument: not a condition id, and no Gamma id, slug or question id of an instrument in core.instruments"
)
NO_TICKER = "instrument: not a ticker: tickers have no lower-case letters and no blanks"  # header lines in the middle
KINDS = (
    Kind(f"{PANCAKE}/markets_2026-06.parquet", "instruments", "pancake", pancake_instruments, "polymarket",
         dead={NO_CONDITION: 9750}),
    Kind(RESOLUTIONS, "resolutions", "pancake", pancake_resolutions, "polymarket"),
    Kind(f"{PANCAKE}/events_583_final_outcomes.json.gz", "events", "polymarket_event_outcomes", event_rows,
         "polymarket", dead={"ends_at: not a time": 1}),
    Kind(f"{PANCAKE}/events_583_final_outcomes.json.gz", "resolutions", "polymarket_event_outcomes", lambda _: [],
         "polymarket", rows_of=lambda r: len(r["markets"]),
         dead={NO_TOKEN: 6620, "the final price is not a payout (0, 0.5 or 1)": 9}),
    Kind("polymarket/trades/large_trades_2026-01.csv", "trades", "polymarket_data_api_trades", trade_rows,
         "polymarket"),
    Kind("kalshi/history/resolved_xrp15m.csv.gz", "resolutions", "kalshi_15m_results", fifteen_minutes,
         dead={NO_RESULT: 1}),
    Kind("kalshi/history/resolved_xrp15m.csv.gz", "instruments", "kalshi_15m_results", fifteen_minute_instruments,
         dead={"status: no status": 1}),
    Kind("kalshi/history/resolved_gold15m.csv.gz", "resolutions", "kalshi_15m_results", fifteen_minutes,
         dead={NO_RESULT: 371, NO_TICKER: 8}, duplicates=5664),
    Kind("kalshi/history/resolved_gold15m.csv.gz", "instruments", "kalshi_15m_results", fifteen_minute_instruments,
         dead={"status: no status": 371, NO_TICKER: 8}, duplicates=5664),
    Kind("kalshi/history/weather_markets_results_2026-04.csv", "resolutions", "kalshi_weather_results",
         weather_results),
    Kind("kalshi/history/weather_markets_results_2026-04.csv", "instruments", "kalshi_weather_results",
         weather_instruments),
    Kind("kalshi/universe/markets_index.csv.gz", "instruments", "kalshi_census", census_instruments),
    Kind("kalshi/universe/events_index.csv.gz", "events", "kalshi_census", census_events),
    Kind("kalshi/rest/processed_events_20250224.csv.gz", "events", "kalshi_open_events", census_events),
    Kind("kalshi/tape/settlement_ledger_*.jsonl.gz", "resolutions", "kalshi_settlement_ledger", ledger_rows),
    Kind("kalshi/tape/econ_prints_*.jsonl.gz", "quotes", "kalshi_econ_ladders", econ_quotes,
         rows_of=lambda r: sum(len(e["strikes"]) for e in r["open_events"]["events"])),
    Kind("kalshi/tape/sports_pairs_*.jsonl.gz", "quotes", "kalshi_sports_pairs", sports_quotes,
         rows_of=lambda r: len(r["outcomes"])),
    Kind("kalshi/tape/weather_books_*.jsonl.gz", "quotes", "kalshi_weather_books", weather_quotes),
    Kind("kalshi/book_top/*.csv.gz", "quotes", "kalshi_book_top", book_top_quotes),
    Kind("cross/snapshots/both_venues_*.csv.gz", "quotes", "both_venues_polls", poll_quotes, "any"),
    Kind("cross/paired_quotes/*.jsonl.gz", "quotes", "", paired_quotes, mapping=PAIRED),
)  # fmt: skip

# Not a venue's history: not loaded.
NOT_LOADED = {
    "kalshi/tape/perp_tape_*": "perpetual contracts: another product, with prices outside 0..1",
    "kalshi/universe/relation_catalog.csv.gz": "a publisher's derived relations between markets",
    "kalshi/universe/discovered_families_full.json.gz": "a publisher's derived families of markets",
    "kalshi/universe/title_templates_by_prefix.json.gz": "title templates and counts per ticker prefix",
    "cross/pairs/*": "pairs of markets labelled or proposed by hand and by pipelines",
    "cross/resolved_questions/*": "forecasting questions with a scorer's resolutions, most of no venue",
    "polymarket/trades/nautilus_clob_trades.json": "an answer of the authenticated CLOB: fills, read by their client",
}
FOLDERS = (
    *("polymarket/history/", "polymarket/trades/", "kalshi/history/", "kalshi/tape/", "kalshi/book_top/"),
    *("kalshi/universe/", "kalshi/rest/processed_events", "cross/"),
)


@dataclass
class Account:
    """Counts of one kind of file, summed over its files."""

    pattern: str
    table: str
    reports: dict[str, ImportReport]

    def total(self, name: str) -> int:
        return sum(getattr(r, name) for r in self.reports.values())

    @property
    def reasons(self) -> Counter[str]:
        return sum((Counter(r.reasons) for r in self.reports.values()), Counter())

    def __str__(self) -> str:
        names = ("records", "rows_read", "rows_committed", "rows_new", "duplicates", "dead_letters")
        counts = "  ".join(f"{name} {self.total(name)}" for name in names)
        return f"{self.pattern} -> {self.table} ({len(self.reports)} files): {counts}  {dict(self.reasons)}"


def settings_at(home: Path) -> Settings:
    return Settings(home=home, now=NOW, min_free_mb=0)


def run_kind(kind: Kind, home: Path) -> Account:
    account = Account(kind.pattern, kind.table, {})
    for path in paths(kind.pattern):
        account.reports[str(path.relative_to(RECORDINGS))] = import_file(
            settings_at(home),
            path,
            table=kind.table,
            venue=kind.venue,
            mapping=kind.mapping,
            preset=kind.preset or None,
        )
    return account


def import_outcomes(home: Path, outcomes: list[tuple[str, str, int]]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    path = home / "outcomes.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("instrument", "token_id", "outcome_index"), *outcomes])
    names = {name: name for name in ("instrument", "token_id", "outcome_index")}
    import_file(settings_at(home), path, table="outcomes", venue="polymarket", mapping=names)


def run_candles(pattern: str, home: Path) -> Account:
    """Imports the proven outcomes of the bars' tokens, then the bars."""
    import_outcomes(home, known_outcomes(pattern))
    return run_kind(Kind(pattern, "daily-prices", "pancake", lambda _: [], "polymarket"), home)


def accounting(home: Path, candles: str = CANDLES) -> list[Account]:
    """Imports every loadable file, each kind into a lake of its own; the counts per kind."""
    accounts = [run_kind(kind, home / str(number)) for number, kind in enumerate(KINDS)]
    return [*accounts, run_candles(candles, home / "candles")]


def stored(home: Path, table: str) -> list[tuple[str, Row]]:
    scan = Lake.of(settings_at(home)).scan(TABLES.get(table, f"core.{table}"))
    with connect() as connection:
        rows = connection.sql(f"SELECT {KEYS[table]} AS test_key, * FROM ({scan})").to_arrow_table().to_pylist()
    return [(row.pop("test_key"), row) for row in rows]


# --- the tests


def test_every_bulk_file_of_the_manifest_is_loaded_or_listed_with_a_reason() -> None:
    loaded = {kind.pattern for kind in KINDS} | {CANDLES}
    files = [name for name in manifest() if name.startswith(FOLDERS)]
    assert len(files) > 60
    for name in files:
        homes = [p for p in (*loaded, *NOT_LOADED) if fnmatch(name, p)]
        assert len(homes) == 1, (name, homes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: f"{k.pattern.split('/')[-1]}-{k.table}")
def test_a_kind_of_file_is_accounted_for_exactly_and_equals_plain_python(kind: Kind, tmp_path: Path) -> None:
    account = run_kind(kind, tmp_path)
    recorded = manifest()
    assert account.reports
    expected: list[Expected] = []
    for name, report in account.reports.items():
        records = read(RECORDINGS / name)
        assert report.records == len(records) == recorded[name]
        assert report.rows_read == sum(kind.rows_of(r) for r in records)
        assert report.rows_read == report.rows_committed + report.duplicates + report.dead_letters
        expected += kind.expected(RECORDINGS / name)
    reasons = Counter(kind.dead) + Counter({IDENTICAL_ROW: kind.duplicates})
    assert account.reasons == reasons
    assert account.total("rows_committed") == account.total("rows_read") - sum(reasons.values())
    found = stored(tmp_path, kind.table)
    assert len(found) == account.total("rows_committed") == account.total("rows_new")
    assert Counter(key for key, _ in found) == Counter(key for key, _ in expected) - _repeats(kind, expected)
    rows = dict(found)
    for key, columns in expected:
        assert {c: rows[key][c] for c in columns} == columns


def _repeats(kind: Kind, expected: list[Expected]) -> Counter[str]:
    """Keys beyond the first, where rows of one key are one row (identical trades are all real)."""
    counts = Counter(key for key, _ in expected)
    return Counter() if kind.table == "trades" else Counter({k: n - 1 for k, n in counts.items()})


def check_candles(account: Account, home: Path, pattern: str) -> None:
    known = {token: (condition, index) for condition, token, index in known_outcomes(pattern)}
    recorded = manifest()
    expected: dict[str, Row] = {}
    unknown = 0
    for name, report in account.reports.items():
        bars = read(RECORDINGS / name)
        assert report.records == report.rows_read == len(bars) == recorded[name]
        unknown += sum(json.loads(b["external_ids"])["token_id"] not in known for b in bars)
        expected |= dict(candle_rows(RECORDINGS / name, known))
    assert account.reasons[NO_TOKEN] == account.total("dead_letters") == unknown
    assert account.total("rows_committed") == account.total("rows_new") == len(expected)
    assert account.total("duplicates") == account.total("rows_read") - unknown - len(expected)
    rows = dict(stored(home, "daily-prices"))
    assert rows.keys() == expected.keys()
    assert all({c: rows[key][c] for c in columns} == columns for key, columns in expected.items())


def test_daily_bars_are_the_close_of_the_day_before_and_mirrors_are_counted(tmp_path: Path) -> None:
    account = run_candles(SOME_CANDLES, tmp_path)
    check_candles(account, tmp_path, SOME_CANDLES)
    assert account.total("rows_committed") > 3_000


@pytest.mark.slow
def test_all_daily_bars_are_accounted_for(tmp_path: Path) -> None:
    account = run_candles(CANDLES, tmp_path)
    check_candles(account, tmp_path, CANDLES)
    assert account.total("rows_read") == 515_714


def test_token_ids_computed_as_the_chain_does_are_gammas_in_gammas_order() -> None:
    files = [f for f in paths("polymarket/gamma/*.json") if "clob" not in f.name]
    markets = [m for f in files for m in _markets(recorded(str(f.relative_to(RECORDINGS))))]
    assert len(markets) > 15
    for market in markets:
        tokens = json.loads(market["clobTokenIds"])
        if len(tokens) == 2 and len(market["conditionId"]) == 66:
            assert outcome_tokens(market["conditionId"], neg_risk=bool(market.get("negRisk"))) == tuple(tokens)


def _markets(value: object) -> Iterator[Row]:
    """Every object below that has a condition and its tokens as Gamma serves them."""
    if isinstance(value, dict):
        if value.get("conditionId") and isinstance(value.get("clobTokenIds"), str):
            yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _markets(inner)


def test_final_prices_of_events_pay_by_token_once_the_outcomes_are_known(tmp_path: Path) -> None:
    (kind,) = (k for k in KINDS if k.preset == "polymarket_event_outcomes" and k.table == "resolutions")
    outcomes = known_outcomes(CANDLES, kind.pattern)
    import_outcomes(tmp_path, outcomes)
    account = run_kind(kind, tmp_path)
    known = {token: (condition, index) for condition, token, index in outcomes}
    expected = {}
    for market in (m for event in read(RECORDINGS / kind.pattern) for m in event["markets"].values()):
        token, _, final, _ = market.values()
        if token in known and final in ("0", "0.5", "1"):
            condition, index = known[token]
            expected[f"polymarket:{condition}|import:{kind.preset}"] = (
                Decimal(final) if index == 0 else 1 - Decimal(final)
            )
    assert {key: row["payout_0"] for key, row in stored(tmp_path, "resolutions")} == expected
    assert account.total("rows_committed") == len(expected) > 200
    assert account.total("dead_letters") == 6629 - len(expected)


def test_importing_recorded_files_again_adds_nothing(tmp_path: Path) -> None:
    for kind in (k for k in KINDS if "gold15m" in k.pattern or "large_trades" in k.pattern or "econ" in k.pattern):
        first, again = run_kind(kind, tmp_path), run_kind(kind, tmp_path)
        assert again.total("rows_new") == 0
        assert again.total("rows_committed") == first.total("rows_committed")
        assert again.reasons == first.reasons


def test_recorded_trades_carry_weak_identity_and_a_reason_where_the_outcome_is_unknown(tmp_path: Path) -> None:
    (kind,) = (k for k in KINDS if k.table == "trades")
    run_kind(kind, tmp_path)
    rows = [row for _, row in stored(tmp_path, "trades")]
    assert {r["identity"] for r in rows} == {"weak"}
    assert {r["unmapped_reason"] for r in rows} == {"token is not in core.outcomes"}
    assert len({r["trade_id"] for r in rows}) == 2852


@pytest.mark.parametrize("kind", [k for k in KINDS if k.preset], ids=lambda k: f"{k.preset}-{k.table}")
def test_a_recorded_files_columns_name_its_preset(kind: Kind, tmp_path: Path) -> None:
    with connect() as connection:
        path = min(paths(kind.pattern), key=lambda p: p.stat().st_size)
        layout = Layout.of(connection, path, read_records(connection, path, tmp_path))
    assert (kind.preset, kind.table, kind.venue) in {(p.name, p.table, p.venue) for p in fitting(layout)}
    assert f"--preset {kind.preset} --table {kind.table} --venue {kind.venue}" in suggestion(layout)


def test_perpetuals_fit_no_preset(tmp_path: Path) -> None:
    (path,) = paths("kalshi/tape/perp_tape_*")
    for preset in ("kalshi_econ_ladders", "kalshi_sports_pairs", "kalshi_weather_books"):
        with pytest.raises(BadImport, match=r"perp_tape_2026-07-21\.jsonl\.gz: has no column"):
            import_file(settings_at(tmp_path), path, table="quotes", venue="kalshi", preset=preset)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for line in accounting(Path(folder)):
            sys.stdout.write(f"{line}\n")
