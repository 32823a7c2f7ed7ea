"""Every recorded instrument gets a category and a name; tickers are read alike by statement and parser.

Run as a module, it prints what was categorised by what evidence, by file, and what no rule speaks of.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

import pyarrow as pa
import pytest

from echelon_pipeline.domain.categories import category_rules, pattern_case
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline_tests.category_oracle import Evidence, categorise
from echelon_pipeline_tests.contract import test_bulk_recordings as bulk
from echelon_pipeline_tests.contract import test_kalshi_recordings as kalshi
from echelon_pipeline_tests.contract.recorded_instruments import Row, categorised, named, whole
from echelon_pipeline_tests.fakes import RECORDINGS, needs_recordings
from echelon_pipeline_tests.ticker_rows import PARTS, as_parts, parsed_row
from echelon_pipeline_tests.tickers import COMBO_PREFIX

pytestmark = needs_recordings

TARGET = 0.995
# The venue's categories where this taxonomy has another word.
KALSHI_WORDS = {
    "Elections": "Politics",
    "Education": "Politics",
    "Commodities": "Financials",
    "Climate and Weather": "Climate",
    "Transportation": "Transport",
}


@cache
def instruments() -> dict[str, Row]:
    return {row["instrument_id"]: row for row in whole()[0]["instruments"]}


@cache
def event_titles() -> dict[str, str | None]:
    return {row["event_id"]: row.get("title") for row in whole()[0]["events"]}


def is_told(row: Row) -> bool:
    """The record or its event has a title, or there are tags."""
    said = instruments()[row["instrument_id"]]
    return bool(said.get("title") or said.get("tags") or event_titles().get(row["event_id"] or ""))


def by_file() -> dict[tuple[str, str], list[Row]]:
    """Categorised instruments by venue and file."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in categorised():
        found[whole()[1][row["instrument_id"]]].append(row)
    return found


def share(rows: list[Row]) -> float:
    """How many have a category."""
    others = [row for row in rows if row["category"] == "Other"]
    return 1 - len(others) / len(rows)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
@pytest.mark.parametrize("combos", [True, False], ids=["all", "without combos"])
def test_instruments_with_a_title_or_tags_get_a_category(venue: str, combos: bool) -> None:
    rows = [r for r in categorised() if r["venue"] == venue and is_told(r)]
    rows = [r for r in rows if combos or r["category"] != "Combos"]
    assert len(rows) > 5_000
    assert share(rows) >= TARGET


def test_the_rules_reach_the_target_without_repeated_questions() -> None:
    """A hundred days of temperatures and thousands of five-minute windows are easy: each question once."""
    once = {}
    for row in categorised():
        if is_told(row) and row["category"] != "Combos":
            said = instruments()[row["instrument_id"]]
            words = f"{event_titles().get(row['event_id'] or '') or said.get('title')}"
            once[row["venue"], "".join(c for c in words if not c.isdigit())] = row
    assert len(once) > 3_000
    assert share(list(once.values())) >= 0.99


def test_the_statement_gives_the_categories_of_the_rules_one_by_one() -> None:
    series = {row["series_id"]: row for row in whole()[0]["series"]}
    events = {row["event_id"]: row for row in whole()[0]["events"]}
    rows = [r for r in categorised() if r["category_source"] != "venue"]
    checked = rows[:: max(1, len(rows) // 1_500)] + [r for r in categorised() if r["category"] == "Other"]
    for row in checked:
        said = instruments()[row["instrument_id"]]
        event = events.get(row["event_id"] or "", {})
        held = series.get(row["series_id"] or "", {})
        native = (row["series_id"] or f":{said['native_id'].partition('-')[0]}").partition(":")[2]
        titles = " | ".join(t for t in (event.get("title"), said.get("title")) if t is not None)
        slugs = " ".join(t for t in (event.get("slug"), said.get("slug")) if t is not None)
        evidence = Evidence(
            row["venue"],
            is_combo=bool(said.get("is_combo")) or said["native_id"].startswith(COMBO_PREFIX),
            category=row["venue_category"],
            fee=said.get("fee_type"),
            tags=said.get("tags") or event.get("tags") or held.get("tags") or (),
            series=native if row["venue"] == "kalshi" else held.get("slug"),
            slug=slugs or None,
            title=titles or None,
        )
        assert categorise(evidence) == (row["category"], row["category_source"], row["rule_id"]), (row, evidence)


def labelled() -> Iterator[tuple[str, str]]:
    """(category in our words, title) as Kalshi itself filed events and series."""
    series = {
        row["series_ticker"]: row["series_category"] or row["event_category"]
        for row in bulk.read(RECORDINGS / "kalshi/universe/events_index.csv.gz")
    }
    for row in bulk.read(RECORDINGS / "kalshi/universe/title_templates_by_prefix.json.gz"):
        if row["prefix"] in series:
            yield series[row["prefix"]], row["samples"][0]
    for name, cut, _ in kalshi.EVENTS[:2]:
        for event in cut(kalshi.answer(name)):
            yield event["category"], event["title"]


def test_title_rules_agree_with_the_venue_s_categories() -> None:
    """Titles whose category the venue tells, judged by the word rules only: those are the guesses among the rules."""
    rows = [(KALSHI_WORDS.get(category, category), title.lower()) for category, title in labelled()]
    with connect() as connection:
        given = {"title": [t for _, t in rows], "venue": ["kalshi"] * len(rows)}
        connection.register("given", pa.table(given))
        query = f"SELECT {pattern_case('title', 'title', 'venue')} FROM given"
        positions = [p for (p,) in connection.execute(query).fetchall()]
    judged = [(c, category_rules()[p].category) for (c, _), p in zip(rows, positions, strict=True) if p is not None]
    assert len(judged) > 0.9 * len(rows) > 4_000
    agreed = Counter(said for said, found in judged if said == found)
    assert agreed.total() / len(judged) > 0.9
    of = Counter(said for said, _ in judged)
    # Sports and prices of coins have words of their own; government, companies and technology share theirs.
    assert {c: round(agreed[c] / of[c], 2) for c in ("Sports", "Crypto", "Entertainment", "Climate") if
            agreed[c] / of[c] < 0.93} == {}  # fmt: skip


def test_matches_that_another_publisher_lists_as_sport_are_sports() -> None:
    home = whole()[1]
    sides = [s for path in bulk.paths("cross/pairs/xplat_candidates_v1.jsonl.gz") for r in bulk.read(path)
             for s in (r["side_a"], r["side_b"]) if s["sport"]]  # fmt: skip
    sport = {c["platform_id"] for s in sides for c in s["child_markets"]}
    rows = [r for r in categorised() if home[r["instrument_id"]][1] == "cross/pairs/xplat_*.jsonl.gz"]
    rows = [r for r in rows if instruments()[r["instrument_id"]]["native_id"] in sport]
    assert len(rows) > 1_000
    assert sum(r["category"] == "Sports" for r in rows) / len(rows) > 0.99


def test_statement_and_parser_agree_on_every_recorded_ticker() -> None:
    blank: Row = dict.fromkeys(("event_id", "series_id", "strike_type", "floor_strike", "cap_strike"))
    checked = Counter[str | None]()
    for row in categorised():
        said = instruments()[row["instrument_id"]]
        if row["venue"] != "kalshi" or said["native_id"].startswith(COMBO_PREFIX):
            continue
        known = blank | {"is_combo": False} | said | {"series_id": row["series_id"]}
        assert tuple(row[part] for part in PARTS) == as_parts(parsed_row(known)), row
        checked[row["date_precision"]] += 1
    assert checked.total() > 70_000
    # The rest says no date (districts, names) or one that could be something else (27R16), and then has a note.
    assert checked[None] / checked.total() < 0.2


def test_the_number_in_a_recorded_ticker_is_the_venue_s_strike() -> None:
    rows = [r for r in categorised() if r["ticker_strike"] is not None and (r["strike_low"] or r["strike_high"])]
    assert len(rows) > 400
    assert not [r for r in rows if r["parse_note"]]


def expected_name(row: Row, events: dict[str, Row]) -> set[str]:
    """What a name has to begin with, in plain words: the event and what is asked of it, or the question."""
    event = (events.get(row.get("event_id") or "") or {}).get("title")
    return {" ".join(text.split())[:40] for text in (event, row.get("title"), row.get("slug")) if text}


def test_names_are_short_not_empty_and_unique_within_an_event() -> None:
    found, tables = named()
    rows = {row["instrument_id"]: row for row in tables["instruments"]}
    assert len(found) == len(rows) > 25_000
    alike = Counter((rows[n["instrument_id"]].get("event_id") or n["instrument_id"], n["display_name"]) for n in found)
    assert {key: count for key, count in alike.items() if count > 1} == {}
    assert {len(n["display_name"]) for n in found} <= set(range(1, 121))
    # Told apart by words; by the end of the id only where the words are the same.
    assert sum(n["name_source"].endswith("+ id") for n in found) / len(found) < 0.02


def test_names_contain_the_event_and_the_instrument() -> None:
    found, tables = named()
    rows = {row["instrument_id"]: row for row in tables["instruments"]}
    events = {row["event_id"]: row for row in tables["events"]}
    for name in found:
        row, text = rows[name["instrument_id"]], name["display_name"]
        begins = expected_name(row, events)
        legs = text.replace(", yes ", ",yes ").replace(", no ", ",no ")
        assert not begins or any(legs.startswith(b.strip()) for b in begins), (name, begins)
        about = row.get("sub_title")
        if about and name["name_source"] == "event":
            assert about[:40].lower() in text.lower(), name


def table() -> Iterator[str]:
    """The account by file as a Markdown table, then what no rule speaks of."""
    yield "| venue | file | instruments | with category | by evidence |"
    yield "|---|---|---|---|---|"
    for (venue, name), rows in sorted(by_file().items()):
        sources = ", ".join(f"{s} {n:,}" for s, n in Counter(r["category_source"] for r in rows).most_common())
        yield f"| {venue} | {name} | {len(rows):,} | {share(rows):.2%} | {sources} |"
    for row in categorised():
        if row["category"] == "Other":
            yield f"without category: {row['instrument_id']} {instruments()[row['instrument_id']].get('title')}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
