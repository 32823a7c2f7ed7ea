"""What names no instrument of its venue is looked up, or is a dead letter: it never becomes an instrument."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.settings import Settings
from echelon_pipeline_tests.imported import CASES, Row, home_in, load, needs_cases, rows_of, write_csv

TRADES = {"instrument": "market_id", "event_at": "t", "price": "p", "size": "s"}
TRADE = {"t": "2026-02-08T10:01:05Z", "p": "0.91", "s": "5"}
CONDITION, OTHER = f"0x{1:064x}", f"0x{2:064x}"
LOOKED_UP = "instrument: not a condition id, and no Gamma id, slug or question id of an instrument in core.instruments"
UUID = "0068baba-055d-4480-8518-85e08ae0f726"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return home_in(tmp_path)


@pytest.fixture
def knowing(home: Settings, tmp_path: Path) -> Settings:
    """A home whose lake holds two instruments with Gamma ids, slugs and question ids, and one of Kalshi."""
    rows = [
        {"id": id_, "slug": slug, "ref": f'{{"gamma_id": "{gamma}", "question_id": "0xq{gamma}"}}', "status": "open"}
        for id_, slug, gamma in ((CONDITION, "will-it-rain", "187"), (OTHER, "will-it-snow", "188"))
    ]
    mapping = {"instrument": "id", "slug": "slug", "external_ref": "ref", "status": "status"}
    load(home, write_csv(tmp_path / "known.csv", rows), "instruments", mapping, "polymarket")
    rows = [{"id": "KXA-1", "status": "open"}]
    load(home, write_csv(tmp_path / "k.csv", rows), "instruments", {"instrument": "id", "status": "status"})
    return home


def trades(home: Settings, folder: Path, *ids: str, venue: str = "polymarket") -> Row:
    path = write_csv(folder / f"{venue}.csv", [TRADE | {"market_id": id_} for id_ in ids])
    return load(home, path, "trades", TRADES, venue).reasons


@needs_cases
def test_the_given_file_is_all_dead_and_makes_no_instrument(home: Settings) -> None:
    report = load(home, CASES / "16-not-an-instrument.csv", "trades", TRADES, "polymarket")
    assert (report.reasons, report.is_all_dead) == ({LOOKED_UP: 1}, True)
    assert rows_of(home, "core.trades") == []


@pytest.mark.parametrize("text", ["187", "will-it-rain", UUID, "KXA-1", "0xnothex", "Will it rain?"])
def test_what_is_no_condition_is_a_dead_letter(home: Settings, tmp_path: Path, text: str) -> None:
    assert trades(home, tmp_path, text, CONDITION) == {LOOKED_UP: 1}
    assert [row["instrument_id"] for row in rows_of(home, "core.trades")] == [f"polymarket:{CONDITION}"]


@pytest.mark.parametrize("text", ["187", "will-it-rain", "0xq187", CONDITION, CONDITION.upper().replace("X", "x")])
def test_gamma_ids_slugs_and_questions_are_looked_up(knowing: Settings, tmp_path: Path, text: str) -> None:
    assert trades(knowing, tmp_path, text) == {}
    assert [row["instrument_id"] for row in rows_of(knowing, "core.trades")] == [f"polymarket:{CONDITION}"]


def test_a_condition_that_the_lake_does_not_hold_is_an_instrument_whatever_its_length(
    home: Settings, tmp_path: Path
) -> None:
    assert trades(home, tmp_path, "0x03" + "f" * 60, "0xABC") == {}
    ids = {row["instrument_id"] for row in rows_of(home, "core.trades")}
    assert ids == {"polymarket:0x03" + "f" * 60, "polymarket:0xabc"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CONDITION, "instrument: not a ticker, but a condition id of Polymarket"),
        (UUID, "instrument: not a ticker, but a UUID"),
        ("187", "instrument: not a ticker, but a number"),
        ("will-it-rain", "instrument: not a ticker: tickers have no lower-case letters and no blanks"),
        ("KXA 1", "instrument: not a ticker: tickers have no lower-case letters and no blanks"),
    ],
)
def test_rows_of_polymarket_are_not_kalshis(home: Settings, tmp_path: Path, text: str, reason: str) -> None:
    assert trades(home, tmp_path, text, "KXA-1", "KXB.5-T0.1", venue="kalshi") == {reason: 1}


def test_a_ticker_in_lower_case_is_looked_up(knowing: Settings, tmp_path: Path) -> None:
    assert trades(knowing, tmp_path, "kxa-1", venue="kalshi") == {}
    assert [row["instrument_id"] for row in rows_of(knowing, "core.trades")] == ["kalshi:KXA-1"]


def test_kalshi_has_no_tokens(home: Settings, tmp_path: Path) -> None:
    """Yes and no of a Polymarket file under the venue Kalshi would merge into one instrument."""
    path = write_csv(tmp_path / "t.csv", [TRADE | {"market_id": "KXA-1", "token": token} for token in ("11", "")])
    report = load(home, path, "trades", TRADES | {"token_id": "token"})
    assert report.reasons == {"token_id: Kalshi has no tokens: the row is of another venue": 1}


def test_a_slug_of_two_instruments_decides_nothing(knowing: Settings, tmp_path: Path) -> None:
    rows = [{"id": "0x3", "slug": "will-it-rain", "status": "open"}]
    mapping = {"instrument": "id", "slug": "slug", "status": "status"}
    load(knowing, write_csv(tmp_path / "twin.csv", rows), "instruments", mapping, "polymarket")
    assert trades(knowing, tmp_path, "will-it-rain") == {
        "instrument: several instruments of core.instruments have this id, slug or question": 1
    }


def test_a_known_token_names_the_instrument_whatever_the_id_beside_it(home: Settings, tmp_path: Path) -> None:
    outcomes = write_csv(tmp_path / "o.csv", [{"c": CONDITION, "t": "11", "i": "0"}])
    load(home, outcomes, "outcomes", {"instrument": "c", "token_id": "t", "outcome_index": "i"}, "polymarket")
    path = write_csv(tmp_path / "t.csv", [TRADE | {"market_id": "some-slug", "token": "11"}])
    assert load(home, path, "trades", TRADES | {"token_id": "token"}, "polymarket").reasons == {}
    assert [row["instrument_id"] for row in rows_of(home, "core.trades")] == [f"polymarket:{CONDITION}"]


@pytest.mark.parametrize(
    ("table", "mapping"),
    [
        ("quotes", {"instrument": "market_id", "observed_at": "t", "best_bid": "p"}),
        ("daily-prices", {"instrument": "market_id", "closes_at": "t", "close": "p"}),
        ("resolutions", {"instrument": "market_id", "result": "p"}),
        ("instruments", {"instrument": "market_id", "status": "=open"}),
        ("outcomes", {"instrument": "market_id", "outcome_index": "=0"}),
    ],
)
def test_every_table_checks_its_instruments(home: Settings, tmp_path: Path, table: str, mapping: Row) -> None:
    path = write_csv(tmp_path / "t.csv", [TRADE | {"market_id": "187"}])
    assert load(home, path, table, mapping, "polymarket").reasons == {LOOKED_UP: 1}
