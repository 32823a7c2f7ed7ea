"""Category rules: the table is valid, words have their meaning, statement and rules agree on any evidence."""

from __future__ import annotations

import re
from random import Random

import duckdb
import pytest

from echelon_pipeline.domain.categories import (
    CATEGORIES,
    SOURCES,
    category_rules,
    pattern_case,
)
from echelon_pipeline.domain.derived import ticker_categories_sql
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.text import typed
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.registry import venue_names
from echelon_pipeline_tests.category_oracle import Evidence, categorise
from echelon_pipeline_tests.rows import Row, row
from echelon_pipeline_tests.ticker_rows import register

TITLES = [
    # A word of another category in the title: what decides is what is asked.
    ("Will Trump impose tariffs on Canada?", "Politics"),
    ("Will Bitcoin be above $100,000 on December 31?", "Crypto"),
    ("Will the Carolina Hurricanes win the 2026 NHL Stanley Cup?", "Sports"),
    ("Will a hurricane make landfall in Florida by October?", "Climate"),
    ("Will Oklahoma City win the NBA Finals?", "Sports"),
    ("Oklahoma City vs. Miami Heat", "Sports"),
    ("Highest temperature in Miami on July 4?", "Climate"),
    ("Will the Fed cut rates in December?", "Economics"),
    ("Who will Trump nominate to the Supreme Court?", "Politics"),
    ("Will Arizona Diamondbacks vs. Rockies go over 8.5 runs scored?", "Sports"),
    ("Will the Republican Party win the Arizona Senate race?", "Politics"),
    ("Will gold close above $4,000?", "Financials"),
    ("Will Olivia Rodrigo win Album of the Year at the Grammys?", "Entertainment"),
    ("Will Russia capture Pokrovsk?", "World"),
    ("Will a new pandemic be declared?", "Health"),
    ("Will SpaceX land Starship on Mars before 2030?", "Science and Technology"),
    ("What will Powell say during his press conference?", "Mentions"),
    ("Will Biden mention Fentanyl 5 or more times in the State of the Union?", "Mentions"),
    ("Will the Centre Party (SP) finish 4th in Norway?", "Politics"),
    ("Will F1 win Best Sound at the Oscars?", "Entertainment"),
    ("How many tweets will Elon Musk post this week?", "Social"),
    ("Will the Nasdaq-100 be above 25,000 at the end of Friday?", "Financials"),
    ("Who will be the next CEO of Disney?", "Companies"),
    ("How many people will pass a TSA checkpoint this week?", "Transport"),
    ("Will the integration work?", "Other"),
    ("", "Other"),
]


@pytest.mark.parametrize(("title", "category"), TITLES)
def test_a_title_has_the_category_of_its_question(title: str, category: str) -> None:
    assert categorise(Evidence("polymarket", title=title))[0] == category


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence("kalshi", category="Elections", title="Lakers vs. Celtics"), ("Politics", "venue")),
        (Evidence("kalshi", category="Sports", is_combo=True), ("Combos", "venue")),
        (Evidence("kalshi", category="Politics", series="KXTRUMPMENTION"), ("Mentions", "series")),
        (Evidence("kalshi", series="KXHIGHNY", title="Giants vs. Jets"), ("Climate", "series")),
        (Evidence("polymarket", tags=["All", "Politics", "Fed Rates"]), ("Economics", "tag")),
        (Evidence("polymarket", tags=["Trump", "Crypto"], title="Will Trump …"), ("Crypto", "tag")),
        (Evidence("polymarket", fee="crypto_fees_v2"), ("Crypto", "venue")),
        (Evidence("polymarket", sport="moneyline", title="A New Hope"), ("Sports", "venue")),
        (Evidence("polymarket", slug="nba-bos-lal-2026-11-20"), ("Sports", "title")),
        (Evidence("kalshi", category="Something new", tags=["Unheard of"]), ("Other", "none")),
    ],
)
def test_venue_categories_precede_tags_and_tags_precede_titles(evidence: Evidence, expected: tuple[str, str]) -> None:
    assert categorise(evidence)[:2] == expected


def test_the_table_of_rules_is_valid() -> None:
    rules = category_rules()
    assert len({rule.rule_id for rule in rules}) == len(rules)
    assert {rule.venue for rule in rules} <= {"", *venue_names()}
    assert {rule.category for rule in rules} == set(CATEGORIES) - {"Other"}
    for rule in rules:
        assert rule.field == "series" or not re.search("[A-Z]", re.sub(r"\\.|\(\?", "", rule.pattern)), rule.rule_id
        assert all(word == word.lower().strip() for word in rule.values), rule.rule_id
        assert rule.field not in ("series", "slug", "title", "sport") or rule.pattern, (
            f"{rule.rule_id}: needs a pattern"
        )
        assert rule.field not in ("combo", "category", "tag") or rule.values, f"{rule.rule_id}: needs values"


def test_no_word_is_listed_in_two_rules_of_a_field() -> None:
    """The second would never be read."""
    seen: dict[tuple[str, str], str] = {}
    for rule in category_rules():
        for word in rule.values:
            assert (rule.field, word) not in seen, (word, seen[rule.field, word], rule.rule_id)
            seen[rule.field, word] = rule.rule_id


def test_patterns_match_the_same_texts_in_duckdb_and_python() -> None:
    """No look-around, no back-references: DuckDB refuses them."""
    with duckdb.connect() as connection:
        for field in SOURCES:
            case = pattern_case(field, "t", "v")
            assert connection.execute(f"SELECT {case} FROM (SELECT NULL::VARCHAR AS t, 'kalshi' AS v)").fetchall() == [
                (None,)
            ]


def decided(rows: list[Row], **more: list[Row]) -> dict[str, tuple[str, str, str | None]]:
    with connect() as connection:
        register(connection, instruments=rows, **more)
        query = typed(TABLES["core.ticker_categories"], ticker_categories_sql(), connection)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS {query}")
        for rule in TABLES["core.ticker_categories"].all_rules():
            broken = connection.execute(f"SELECT * FROM made WHERE NOT coalesce({rule.sql}, false)").fetchall()
            assert not broken, (rule.name, broken[0])
        found = connection.execute("SELECT instrument_id, category, category_source, rule_id FROM made").fetchall()
    assert len(found) == len(rows)
    return {key: (category, source, rule) for key, category, source, rule in found}


def test_the_statement_gives_the_categories_of_the_rules_one_by_one() -> None:
    chance = Random(7)
    words = sorted({word for rule in category_rules() for word in rule.values})
    titles = [title for title, _ in TITLES]
    evidence = [
        Evidence(
            chance.choice(venue_names()),
            is_combo=chance.random() < 0.05,
            category=chance.choice([None, None, "Sports", " Crypto ", "Exotics", "Elections", "New", ""]),
            fee=chance.choice([None, None, None, "crypto_fees_v2", "sports_fees", "general"]),
            tags=chance.choice([[], [], chance.sample(words, 2), [chance.choice(words).upper(), "All"], ["All"]]),
            series=chance.choice(["KXHIGHNY", "KXNBAGAME", "KXNEW", "KXFEDMENTION", "NASDAQ100U"]),
            title=chance.choice([None, *titles, f"{chance.choice(titles)} {chance.choice(words)}"]),
        )
        for _ in range(600)
    ]
    rows = [
        row(
            "core.instruments",
            venue=e.venue,
            instrument_id=f"{e.venue}:{n}",
            native_id=f"{n}",
            is_combo=e.is_combo,
            category=e.category,
            fee_type=e.fee,
            tags=e.tags or None,
            series_id=f"{e.venue}:{e.series}",
            title=e.title,
        )
        for n, e in enumerate(evidence)
    ]
    series = [
        row("core.series", venue="polymarket", series_id=f"polymarket:{name}", native_id=name, slug=name)
        for name in {e.series for e in evidence if e.series}
    ]
    found = decided(rows, series=series)
    expected = {r["instrument_id"]: categorise(e) for r, e in zip(rows, evidence, strict=True)}
    assert {key: (found[key], want) for key, want in expected.items() if found[key] != want} == {}


def test_instruments_inherit_the_fields_of_their_event_and_series() -> None:
    rows = [
        row("core.instruments", instrument_id="kalshi:KXA-26-X", native_id="KXA-26-X", event_id="kalshi:KXA-26"),
        row("core.instruments", instrument_id="kalshi:KXB-26-X", native_id="KXB-26-X", series_id="kalshi:KXB"),
        row("core.instruments", venue="polymarket", instrument_id="polymarket:1", event_id="polymarket:e", tags=[]),
    ]
    events = [
        row("core.events", event_id="kalshi:KXA-26", series_id="kalshi:KXA"),
        row("core.events", venue="polymarket", event_id="polymarket:e", tags=["Weather"], category=None),
    ]
    series = [
        row("core.series", series_id="kalshi:KXA", native_id="KXA", category="World"),
        row("core.series", series_id="kalshi:KXB", native_id="KXB", category="Health"),
    ]
    assert {key: found[0] for key, found in decided(rows, events=events, series=series).items()} == {
        "kalshi:KXA-26-X": "World",
        "kalshi:KXB-26-X": "Health",
        "polymarket:1": "Climate",
    }
