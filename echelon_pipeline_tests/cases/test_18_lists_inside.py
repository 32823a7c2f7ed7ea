"""Lists inside of records: each member is a row, found by itself or named; truth values, labels and lists as fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from echelon_pipeline.errors import BadImport
from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.imported import CASES, Row, home_in, load, needs_cases, rows_of, write_csv

QUOTES = {"instrument": "ticker", "best_bid": "bid", "best_ask": "ask", "observed_at_epoch_s": "at"}
AT = 1785000000


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


def saved(path: Path, *records: Any) -> Path:
    """JSON lines, or one document where the name ends so."""
    texts = [json.dumps(record) for record in records]
    path.write_text("\n".join(texts) if path.suffix == ".jsonl" else texts[0], encoding="utf-8")
    return path


def member(ticker: str, bid: float = 0.1, ask: float = 0.12) -> Row:
    return {"ticker": ticker, "bid": bid, "ask": ask}


def polls(*tickers: str, **more: Any) -> Row:
    return {"at": AT, "current": {"outcomes": [member(t) for t in tickers]}, **more}


def tickers(home: Settings) -> list[str]:
    return [row["instrument_id"] for row in rows_of(home, "core.instrument_quotes")]


@needs_cases
@pytest.mark.parametrize("each", ["current.outcomes", None])
def test_the_given_lines_give_a_quote_of_each_member(home: Settings, each: str | None) -> None:
    report = load(home, CASES / "18-lists-inside.jsonl", "quotes", QUOTES, each=each)
    assert (report.records, report.rows_read, report.rows_committed) == (2, 4, 4)
    assert report.notes == ("one row per member of current.outcomes",)
    rows = rows_of(home, "core.instrument_quotes")
    found = [(r["instrument_id"], r["best_bid"], r["best_ask"]) for r in rows]
    bid = Decimal("0.30")
    assert found[2:] == [("kalshi:KXB-2", bid, Decimal("0.33")), ("kalshi:KXB-2", bid, Decimal("0.32"))]
    assert [r["observed_at"] for r in rows][:2] == [datetime.fromtimestamp(AT + n, UTC) for n in (0, 60)]


@needs_cases
def test_the_given_answer_gives_quotes_and_statuses(home: Settings) -> None:
    path = CASES / "18-lists-inside.json"
    prices = {"instrument": "ticker", "best_bid": "yes_bid_dollars", "best_ask": "yes_ask_dollars"}
    assert load(home, path, "quotes", prices | {"observed_at": "=2026-03-01T00:00:00Z"}).rows_new == 2
    assert load(home, path, "instruments", {"instrument": "ticker", "status": "closed"}).rows_new == 2
    assert {r["native_id"]: r["status"] for r in rows_of(home, "core.instruments")} == {
        "KXA-1": "active",
        "KXA-2": "closed",
    }


def test_a_saved_history_is_a_point_of_each_member(home: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "h.json", {"history": [{"t": AT, "p": 0.4}, {"t": AT + 86400, "p": 0.41}]})
    mapping = {"instrument": "=0xc", "closes_at_epoch_s": "t", "close": "p", "price_source": "=mid_sample"}
    assert load(home, path, "daily-prices", mapping, "polymarket").rows_new == 2


def test_what_surrounds_a_member_is_read_and_its_own_keys_come_first(home: Settings, tmp_path: Path) -> None:
    record = {"title": "outer", "at": "2026-01-01T00:00:00Z", "markets": [{"ticker": "KXA-1", "title": "inner"}]}
    path = saved(tmp_path / "m.json", record)
    base = {"instrument": "ticker", "status": "=open", "observed_at": "at"}
    load(home, path, "instruments", base | {"title": "title", "sub_title": "$.title"})
    (row,) = rows_of(home, "core.instruments")
    assert (row["title"], row["sub_title"]) == ("inner", "outer")


def test_lists_inside_of_lists_are_opened_with_all_that_surrounds_them(home: Settings, tmp_path: Path) -> None:
    events = [{"id": f"{n}", "markets": [{"id": f"0x{n}{m}", "closed": bool(m)} for m in range(2)]} for n in (1, 2)]
    path = saved(tmp_path / "e.json", {"data": {"events": events}})
    mapping = {"instrument": "id", "is_closed": "closed", "event": "data.events.id"}
    report = load(home, path, "instruments", mapping, "polymarket", each="data.events.markets")
    assert report.rows_new == 4
    found = [(r["native_id"], r["event_id"], r["status"]) for r in rows_of(home, "core.instruments")]
    assert found == [
        ("0x10", "polymarket:1", "active"),
        ("0x11", "polymarket:1", "closed"),
        ("0x20", "polymarket:2", "active"),
        ("0x21", "polymarket:2", "closed"),
    ]


def test_a_member_that_is_no_object_is_a_dot(home: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "t.json", {"tickers": ["KXA-1", "KXA-2"]})
    load(home, path, "instruments", {"instrument": ".", "status": "=open"}, each="tickers")
    assert [r["native_id"] for r in rows_of(home, "core.instruments")] == ["KXA-1", "KXA-2"]


def test_a_path_that_leads_to_a_list_is_refused_with_the_hint(home: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "p.jsonl", polls("KXB-1"))
    with pytest.raises(
        BadImport, match=r"p\.jsonl: current\.outcomes \(for instrument\) is a list: --each current\.outcomes makes"
    ):
        load(home, path, "quotes", QUOTES | {"instrument": "current.outcomes", "best_bid": "at", "best_ask": "at"})
    with pytest.raises(BadImport, match=r"current \(for instrument\) is an object; name one of its keys: outcomes"):
        load(home, path, "quotes", {"instrument": "current", "observed_at_epoch_s": "at"})


def test_a_path_through_a_list_opens_it(home: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "p.jsonl", polls("KXB-1", "KXB-2"))
    mapping = {"instrument": "current.outcomes.ticker", "best_bid": "current.outcomes.bid", "observed_at_epoch_s": "at"}
    load(home, path, "quotes", mapping)
    assert tickers(home) == ["kalshi:KXB-1", "kalshi:KXB-2"]


def test_two_lists_with_the_columns_have_to_be_chosen_from(home: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "p.jsonl", polls("KXB-1", next={"outcomes": [member("KXB-2")]}))
    with pytest.raises(
        BadImport, match=r"members of current\.outcomes and of next\.outcomes have these columns: choose one with"
    ):
        load(home, path, "quotes", QUOTES)
    load(home, path, "quotes", QUOTES, each="next.outcomes")
    assert tickers(home) == ["kalshi:KXB-2"]


@pytest.mark.parametrize(
    ("each", "message"),
    [
        ("outcomes", "there is no list outcomes; .*: current.outcomes .ticker, bid, ask."),
        ("current", "current is not a list"),
        ("current.outcomes.ticker", "current.outcomes.ticker is not a list"),
    ],
)
def test_a_wrong_list_names_the_lists_that_there_are(home: Settings, tmp_path: Path, each: str, message: str) -> None:
    with pytest.raises(BadImport, match=message):
        load(home, saved(tmp_path / "p.jsonl", polls("KXB-1")), "quotes", QUOTES, each=each)


def test_a_missing_column_names_the_lists_inside(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(
        BadImport, match=r"has no column tiker .*--each makes one row .* current\.outcomes \(ticker, bid, ask\)"
    ):
        load(home, saved(tmp_path / "p.jsonl", polls("KXB-1")), "quotes", QUOTES | {"instrument": "tiker"})


def test_an_empty_list_gives_no_row_and_a_missing_one_a_dead_letter(home: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "p.jsonl", polls("KXB-1"), polls(), {"at": AT}, polls("KXB-2"))
    report = load(home, path, "quotes", QUOTES)
    assert (report.records, report.rows_read, report.rows_committed) == (4, 3, 2)
    assert report.reasons == {"there is no list current.outcomes": 1}
    assert report.notes[1] == "1 records gave no row: their list current.outcomes is empty"
    (letter,) = rows_of(home, "core.dead_letters")
    assert (letter["path"], json.loads(letter["payload"])) == ("$[2]", {"at": AT})


def test_a_bad_member_costs_no_other_and_is_kept_with_what_surrounds_it(home: Settings, tmp_path: Path) -> None:
    record = polls("KXB-1", "KXB-2", "KXB-3", other=[{"n": n} for n in range(100)])
    record["current"]["outcomes"][1]["bid"] = 7
    report = load(home, saved(tmp_path / "p.jsonl", record), "quotes", QUOTES)
    assert report.reasons == {"best_bid: bid is not a number from 0 to 1": 1}
    assert tickers(home) == ["kalshi:KXB-1", "kalshi:KXB-3"]
    (letter,) = rows_of(home, "core.dead_letters")
    assert letter["path"] == "$[0].current.outcomes[1].best_bid"
    assert json.loads(letter["payload"]) == {
        "$": {"at": AT, "current": {}},
        "current.outcomes": {"ticker": "KXB-2", "bid": 7, "ask": 0.12},
    }


def test_importing_members_again_adds_nothing(home: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path / "p.jsonl", polls("KXB-1", "KXB-2"))
    assert load(home, path, "quotes", QUOTES).rows_new == 2
    assert load(home, path, "quotes", QUOTES).rows_new == 0


def test_a_preset_reads_the_members_of_a_list(home: Settings, tmp_path: Path) -> None:
    page = {"cursor": "", "data": [{"ticker": "KXA-1", "event_ticker": "KXA", "series_ticker": "KXA", "status": "open",
                                    "strike_type": "x"}]}  # fmt: skip
    report = load(home, saved(tmp_path / "c.json", page), "instruments", venue=None, preset="kalshi_census")
    assert (report.rows_new, report.notes) == (1, ("one row per member of data",))


# --- truth values as a status


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({"is_closed": "true"}, "closed"),
        ({"is_closed": "false"}, "active"),
        ({"is_closed": "1"}, "closed"),
        ({"is_resolved": "True", "is_closed": "True"}, "settled"),
        ({"is_active": "false", "is_closed": "false"}, "paused"),
        ({"is_active": "true", "is_closed": "true"}, "closed"),
        ({"status": "determined", "is_closed": "true"}, "determined"),
    ],
)
def test_truth_values_say_the_status(home: Settings, tmp_path: Path, flags: Row, status: str) -> None:
    path = write_csv(tmp_path / "i.csv", [{"id": "KXA-1"} | flags])
    load(home, path, "instruments", {"instrument": "id"} | {name: name for name in flags})
    assert [r["status"] for r in rows_of(home, "core.instruments")] == [status]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"is_closed": "maybe"}, "status: is_resolved, is_closed or is_active is neither true nor false"),
        ({"is_closed": ""}, "status: no status"),
        ({"status": "active", "is_closed": "true"}, "status: the status is said twice and the two disagree"),
        ({"status": "settled", "is_closed": "false"}, "status: the status is said twice and the two disagree"),
        ({"status": "true"}, "status: status is not a known word"),
    ],
)
def test_what_says_no_status_is_a_dead_letter(home: Settings, tmp_path: Path, flags: Row, reason: str) -> None:
    path = write_csv(tmp_path / "i.csv", [{"id": "KXA-1"} | flags])
    assert load(home, path, "instruments", {"instrument": "id"} | {name: name for name in flags}).reasons == {reason: 1}


@pytest.mark.parametrize(
    ("column", "text", "status"),
    [("closed", "True", "closed"), ("isClosed", "false", "active"), ("resolved", "true", "settled"),
     ("active", "false", "paused"), ("closed", "settled", "settled")],
)  # fmt: skip
def test_a_column_of_truth_values_is_a_status_by_its_name(
    home: Settings, tmp_path: Path, column: str, text: str, status: str
) -> None:
    path = write_csv(tmp_path / "i.csv", [{"id": "KXA-1", column: text}])
    load(home, path, "instruments", {"instrument": "id", "status": column})
    assert [r["status"] for r in rows_of(home, "core.instruments")] == [status]


# --- labels and lists as outcomes


@pytest.mark.parametrize(
    ("tokens", "labels"),
    [
        (["11", "12"], ["Up", "Down"]),
        ('["11", "12"]', '["Up", "Down"]'),
        ("['11', '12']", "['Up', 'Down']"),
    ],
)
def test_a_list_of_tokens_is_the_outcomes_in_its_order(
    home: Settings, tmp_path: Path, tokens: object, labels: object
) -> None:
    path = saved(tmp_path / "m.jsonl", {"id": "0xc", "clobTokenIds": tokens, "outcomes": labels})
    report = load(
        home, path, "outcomes", {"instrument": "id", "token_ids": "clobTokenIds", "labels": "outcomes"}, "polymarket"
    )
    assert (report.records, report.rows_new) == (1, 2)
    found = [(r["outcome_index"], r["token_id"], r["label"]) for r in rows_of(home, "core.outcomes")]
    assert found == [(0, "11", "Up"), (1, "12", "Down")]


@pytest.mark.parametrize(
    ("tokens", "labels", "reason"),
    [
        ("11, 12", '["Up", "Down"]', "token_ids is not a list"),
        ('["11", "12"]', '["Up"]', "token_ids and labels have different lengths"),
        ("[]", "[]", "the list is empty"),
        ("", "", "no list of tokens or labels"),
    ],
)
def test_what_is_no_list_of_outcomes_is_a_dead_letter(
    home: Settings, tmp_path: Path, tokens: str, labels: str, reason: str
) -> None:
    path = write_csv(tmp_path / "m.csv", [{"id": "0xc", "tokens": tokens, "labels": labels}])
    mapping = {"instrument": "id", "token_ids": "tokens", "labels": "labels"}
    assert load(home, path, "outcomes", mapping, "polymarket").reasons == {reason: 1}


TRADE = {"id": "0xc", "at": "2026-01-01T00:00:00Z", "price": "0.3", "size": "5", "side": "BUY"}
TRADES = {"instrument": "id", "event_at": "at", "price": "price", "size": "size", "side": "side"}


def with_outcomes(home: Settings, folder: Path, labels: str) -> None:
    path = write_csv(folder / "o.csv", [{"id": "0xc", "labels": labels}])
    load(home, path, "outcomes", {"instrument": "id", "labels": "labels"}, "polymarket")


@pytest.mark.parametrize("field", ["outcome", "outcome_index"])
@pytest.mark.parametrize(("labels", "index"), [('["Yes", "No"]', 1), ('["No", "Yes"]', 0)])
def test_a_label_is_the_outcome_that_the_lake_knows_by_it(
    home: Settings, tmp_path: Path, field: str, labels: str, index: int
) -> None:
    with_outcomes(home, tmp_path, labels)
    path = write_csv(tmp_path / "t.csv", [TRADE | {"outcome": "no"}])
    load(home, path, "trades", TRADES | {field: "outcome"}, "polymarket")
    (row,) = rows_of(home, "core.trades")
    assert (row["outcome_index"], row["price_0"]) == (index, Decimal("0.7") if index else Decimal("0.3"))


def test_on_polymarket_yes_is_no_outcome_until_the_lake_knows_it(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE | {"outcome": "Yes"}, TRADE | {"outcome": "Yes", "side": "yes"}])
    load(home, path, "trades", TRADES | {"outcome": "outcome"}, "polymarket")
    rows = rows_of(home, "core.trades")
    assert [(r["outcome_index"], r["unmapped_reason"]) for r in rows] == [(None, "label is not in core.outcomes")] * 2
    quote = {"instrument": "id", "observed_at": "at", "best_bid": "price", "outcome": "outcome"}
    assert load(home, path, "quotes", quote, "polymarket").reasons == {
        "outcome: label is not in core.outcomes, so its outcome is not known": 2
    }


def test_on_kalshi_yes_and_no_are_outcomes_by_definition(home: Settings, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE | {"id": "KXA-1", "outcome": "No"}])
    load(home, path, "trades", TRADES | {"outcome": "outcome"})
    assert [(r["outcome_index"], r["price_0"]) for r in rows_of(home, "core.trades")] == [(1, Decimal("0.7"))]


def test_a_label_and_an_index_that_disagree_are_a_dead_letter(home: Settings, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "t.csv", [TRADE | {"id": "KXA-1", "outcome": "No", "index": i} for i in ("0", "1", "1.0")]
    )
    report = load(home, path, "trades", TRADES | {"outcome": "outcome", "outcome_index": "index"})
    assert report.reasons == {"outcome_index: the outcome is said twice and the two disagree": 1}
