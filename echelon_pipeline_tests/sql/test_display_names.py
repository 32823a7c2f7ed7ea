"""Display names: their parts, their length, and that they are unique within an event."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.domain.derived import display_names_sql
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.sqltools.text import typed
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import Row, row
from echelon_pipeline_tests.ticker_rows import kalshi, register


def named(instruments: list[Row], **more: list[Row]) -> dict[str, Row]:
    table = TABLES["core.display_names"]
    with connect() as connection:
        register(connection, instruments=instruments, **more)
        query = typed(table, display_names_sql(), connection)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE names AS {query}")
        found = connection.sql("FROM names").to_arrow_table().to_pylist()
        for rule in table.all_rules():
            broken = connection.execute(f"SELECT * FROM names WHERE NOT coalesce({rule.sql}, false)").fetchall()
            assert not broken, (rule.name, broken[0])
    assert len(found) == len(instruments)
    return {r["instrument_id"]: r for r in found}


def name_of(made: Row, **more: list[Row]) -> str:
    text: str = named([made], **more)[made["instrument_id"]]["display_name"]
    return text


def event(event_id: str, title: str) -> Row:
    return row("core.events", venue=event_id.partition(":")[0], event_id=event_id, title=title)


def polymarket(native_id: str, **values: object) -> Row:
    made = {"venue": "polymarket", "instrument_id": f"polymarket:{native_id}", "native_id": native_id}
    return row("core.instruments", **{**made, **values})


def test_a_name_has_the_event_and_the_subject_within_it() -> None:
    fed = [event("polymarket:1", "Fed decision in June?")]
    made = polymarket("0xa", event_id="polymarket:1", sub_title="No change", title="No change in Fed rates in June?")
    assert name_of(made, events=fed) == "Fed decision in June? · No change"
    assert name_of(polymarket("0xa", event_id="polymarket:1", title="Will it?"), events=fed) == "Will it?"


def outcomes(instrument_id: str, *labels: str) -> list[Row]:
    venue = instrument_id.partition(":")[0]
    return [
        row("core.outcomes", venue=venue, instrument_id=instrument_id, outcome_index=n, label=label)
        for n, label in enumerate(labels)
    ]


def test_a_name_includes_no_if_the_first_outcome_is_no() -> None:
    made = polymarket("0xa", title="Will it?")
    assert name_of(made, outcomes=outcomes("polymarket:0xa", "No", "Yes")) == "Will it? · No"
    assert name_of(made, outcomes=outcomes("polymarket:0xa", "Yes", "No")) == "Will it?"
    assert name_of(made, outcomes=outcomes("polymarket:0xa", "Nobody", "Somebody")) == "Will it?"
    long = name_of(polymarket("0xa", title="x" * 300), outcomes=outcomes("polymarket:0xa", "no", "yes"))
    assert (len(long), long[-6:]) == (120, "… · No")
    twins = [polymarket(f"0x{n}", event_id="polymarket:1", title="y" * 300) for n in "ab"]
    sides = [one for n in "ab" for one in outcomes(f"polymarket:0x{n}", "No", "Yes")]
    assert {r["display_name"][-6:] for r in named(twins, outcomes=sides).values()} == {"] · No"}


def test_a_complete_title_is_used_alone() -> None:
    made = kalshi("KXA-26-GA", event="KXA-26", title="Will Georgia win the championship in 2026?", sub_title="Georgia")
    assert name_of(made) == "Will Georgia win the championship in 2026?"


def test_a_game_has_its_day_and_each_side_its_name() -> None:
    """The title names both sides, so it tells neither apart, and no day, so it comes again next week."""
    sides = [
        kalshi(f"KXMLBGAME-26AUG112140MILSD-{code}", event="KXMLBGAME-26AUG112140MILSD", series="KXMLBGAME",
               title="Milwaukee vs San Diego Winner?", sub_title=side)
        for code, side in (("MIL", "Milwaukee"), ("SD", "San Diego"))
    ]  # fmt: skip
    assert sorted(r["display_name"] for r in named(sides).values()) == [
        "Milwaukee vs San Diego Winner? (Aug 11, 2026 21:40 ET) · Milwaukee",
        "Milwaukee vs San Diego Winner? (Aug 11, 2026 21:40 ET) · San Diego",
    ]


def test_strikes_and_dates_are_readable() -> None:
    high = [row("core.series", series_id="kalshi:KXHIGHNY", native_id="KXHIGHNY", title="Highest temperature in NYC")]
    known: dict[str, Any] = {"event": "KXHIGHNY-26NOV21", "series": "KXHIGHNY"}
    cases = {
        ("greater", "74", None): "Above 74",
        ("greater_or_equal", "74.50", None): "At least 74.5",
        ("less", None, "60"): "Below 60",
        ("less_or_equal", None, "60"): "At most 60",
        ("between", "100", "101"): "100 to 101",
    }
    made = {
        text: kalshi(f"KXHIGHNY-26NOV21-{n}", strike_type=kind, floor_strike=floor, cap_strike=cap, **known)
        for n, ((kind, floor, cap), text) in enumerate(cases.items())
    }
    found = named(list(made.values()), series=high)
    for text, one in made.items():
        assert found[one["instrument_id"]]["display_name"] == f"Highest temperature in NYC (Nov 21, 2026) · {text}"


def test_without_any_text_the_native_id_is_the_name() -> None:
    assert name_of(kalshi("KXA-26NOV21-B7", event="KXA-26NOV21")) == "KXA-26NOV21-B7"
    assert name_of(polymarket("0xabc", slug="will-it-rain")) == "will it rain"
    assert name_of(polymarket("0x" + "a" * 200, title=" \n ")) == "0x" + "a" * 117 + "…"


def test_parlays_with_equal_beginnings_get_different_names() -> None:
    legs = ",".join(f"yes Player {n}: {n}+" for n in range(20))
    made = [
        kalshi(f"KXMVEX-S2026-{n}", event="KXMVEX-S2026", title=f"{legs},no Team {n}", is_combo=True) for n in range(3)
    ]
    names = {r["display_name"] for r in named(made).values()}
    assert len(names) == 3
    assert all(len(name) <= 120 and name.startswith("yes Player 0: 0+, yes Player 1") for name in names)


def test_outcomes_are_named_by_their_condition() -> None:
    def side(instrument: str, index: int, label: str | None) -> Row:
        venue = instrument.partition(":")[0]
        return row("core.outcomes", venue=venue, instrument_id=instrument, outcome_index=index, label=label)

    made = [
        kalshi("KXA-26-GA"),
        kalshi("KXB-26"),
        kalshi("KXC-26"),
        polymarket("0x1"),
        polymarket("0x2"),
        polymarket("0x3"),
    ]
    sides = [
        *(side("kalshi:KXA-26-GA", 0, "Georgia"), side("kalshi:KXA-26-GA", 1, "Georgia")),
        *(side("kalshi:KXB-26", 0, "Yes"), side("kalshi:KXB-26", 1, "No")),
        *(side("kalshi:KXC-26", 0, "Yes"), side("kalshi:KXC-26", 1, "Yes")),
        *(side("polymarket:0x1", 0, "Up"), side("polymarket:0x1", 1, "Down"), side("polymarket:0x1", 2, "Flat")),
        *(side("polymarket:0x2", 0, None), side("polymarket:0x2", 1, " ")),
    ]
    found = {k: (r["outcome_0_name"], r["outcome_1_name"]) for k, r in named(made, outcomes=sides).items()}
    assert found == {
        "kalshi:KXA-26-GA": ("Yes: Georgia", "No: Georgia"),
        "kalshi:KXB-26": ("Yes", "No"),
        "kalshi:KXC-26": ("Yes", "No"),
        "polymarket:0x1": ("Up", "Down"),
        "polymarket:0x2": ("Outcome 0", "Outcome 1"),
        "polymarket:0x3": (None, None),
    }


WORDS = st.none() | st.text(max_size=12) | st.text("ab ·…é", min_size=100, max_size=300)


@settings(max_examples=6)
@given(st.lists(st.tuples(WORDS, WORDS, st.sampled_from("ab")), min_size=1, max_size=30), WORDS)
def test_any_text_gives_a_name_of_1_to_120_characters_once_in_an_event(
    given_: list[tuple[str | None, str | None, str]], title: str | None
) -> None:
    made = [
        polymarket(f"{n:064x}", event_id=f"polymarket:{e}", title=t, sub_title=s) for n, (t, s, e) in enumerate(given_)
    ]
    found = named(made, events=[event("polymarket:a", title)] if title is not None else [])
    pairs = {(m["event_id"], found[m["instrument_id"]]["display_name"]) for m in made}
    assert len(pairs) == len(made)
