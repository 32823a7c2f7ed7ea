"""The grammar of Kalshi tickers: built tickers are parsed, ambiguous parts are not guessed."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.rows import Row
from echelon_pipeline_tests.ticker_rows import as_parts, kalshi, parsed_row, parts_of_rows
from echelon_pipeline_tests.tickers import PRECISIONS, build_ticker, parse_ticker

EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (
        "KXHIGHNY-26JAN09-B49.5",
        {"series": "KXHIGHNY", "event": "KXHIGHNY-26JAN09", "date": date(2026, 1, 9), "date_precision": "day"}
        | {"strike_kind": "bucket", "ticker_strike": Decimal("49.5"), "outcome": "B49.5", "note": None},
    ),
    ("KXBTCD-26JUL0317-T60999.99", {"date": date(2026, 7, 3), "date_precision": "hour", "time": time(17)}),
    ("KXINXU-25NOV14H1600-T6724.9999", {"date": date(2025, 11, 14), "date_precision": "minute", "time": time(16)}),
    ("KXBTC15M-26MAY110145-45", {"date": date(2026, 5, 11), "time": time(1, 45), "outcome": "45"}),
    ("KXMLBGAME-26AUG112140MILSD-MIL", {"time": time(21, 40), "event_suffix": "26AUG112140MILSD", "outcome": "MIL"}),
    ("KXNBAGAME-26MAY25HOULAL-HOU", {"date": date(2026, 5, 25), "date_precision": "day", "time": None, "note": None}),
    ("KXCPI-26AUG-T0.3", {"date": date(2026, 8, 1), "date_precision": "month", "strike_kind": "threshold"}),
    ("KXADP-26OCT-T-25000", {"ticker_strike": Decimal(-25000), "outcome": "T-25000", "event": "KXADP-26OCT"}),
    ("KXPRESPERSON-28-JVAN", {"date": date(2028, 1, 1), "date_precision": "year", "strike_kind": "named"}),
    ("KXF1ACTION-2026-VER", {"date": date(2026, 1, 1), "date_precision": "year", "outcome": "VER"}),
    ("KXMVECROSSCATEGORY-S20267FCACCD6EBE-49E48C04C4C", {"is_combo": True, "outcome": None, "event": None}),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[e[0] for e in EXAMPLES])
def test_the_parts_of_a_ticker_are_parsed_without_the_api(text: str, expected: dict[str, Any]) -> None:
    found = parse_ticker(text)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.text == text


GIVEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "KXMLBWINS-ATH-26-T95",
        {"series": "KXMLBWINS-ATH", "event": "KXMLBWINS-ATH-26"},
        {"event_suffix": "26", "date": date(2026, 1, 1), "outcome": "T95"},
    ),
    (
        "KXATPSETWINNER-26AUG01ATMDRA-2-ATM",
        {"series": "KXATPSETWINNER", "event": "KXATPSETWINNER-26AUG01ATMDRA-2"},
        {"date": date(2026, 8, 1), "date_precision": "day", "outcome": "ATM"},
    ),
    (
        "APPLEUS-29DEC31",
        {"series": "KXAPPLEUS", "event": "APPLEUS"},
        {"event_suffix": None, "outcome": "29DEC31", "note": None},
    ),
    (
        "KXHIGHNY-26JAN09-T49",
        {"event": "KXHIGHNY-26JAN09", "strike_type": "less", "cap_strike": "49"},
        {"strike_kind": "below", "strike_low": None, "strike_high": Decimal(49), "note": None},
    ),
    (
        "KXHIGHNY-26JAN09-B49.5",
        {"event": "KXHIGHNY-26JAN09", "strike_type": "between", "floor_strike": "49", "cap_strike": "50"},
        {"strike_kind": "between", "strike_low": Decimal(49), "strike_high": Decimal(50), "note": None},
    ),
    (
        "KXCPI-26AUG-T0.3",
        {"event": "KXCPI-26AUG", "strike_type": "greater", "floor_strike": "0.4"},
        {"strike_low": Decimal("0.4"), "note": "the ticker's strike is 0.3, the venue's is another"},
    ),
    (
        "KXWTI-26NOV0314-T67.99",
        {"series": "KXWTI", "event": "KXWTI-26NOV03"},
        {"event": "KXWTI-26NOV03", "outcome": "T67.99", "note": "the ticker does not begin with its event ticker"},
    ),
]


@pytest.mark.parametrize(("text", "said", "expected"), GIVEN, ids=[g[0] for g in GIVEN])
def test_the_api_takes_precedence_and_a_contradiction_is_noted(
    text: str, said: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = parse_ticker(text, **said)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("suffix", "precision", "note"),
    [
        ("26FEB31", None, "no such day"),
        ("26AUG0516007RETS", "day", "digits after the date are not a time"),
        ("27JAN012", "day", "digits after the date are not a time"),
        ("26AUG0376ERS", "day", "digits after the date are not a time"),
        ("07R26", None, "two numbers could be the year"),
        ("27R16", None, "two numbers could be the year"),
        ("28JANHEAD", "year", "letters after the year could be a month or a name"),
        ("26FAUSTO", "year", None),
        ("69", None, None),
        ("COMP-26Q2", "quarter", None),
        ("SAF26Q2", "quarter", None),
        ("CLACTONBYELECTION26SEP01", "day", None),
        ("W1-26SEP15-PIT", "day", None),
        ("IPHONE18", None, None),
    ],
)
def test_ambiguous_parts_are_not_guessed(suffix: str, precision: str | None, note: str | None) -> None:
    found = parse_ticker(f"KXS-{suffix}-X", series="KXS", event=f"KXS-{suffix}")
    assert (found.date_precision, found.note) == (precision, note)
    assert (found.date is None) == (precision is None)


@pytest.mark.parametrize("text", ["KXWARMING", "KXWARMING-50", "KXA-B-C-D", ""])
def test_the_end_of_the_event_ticker_is_not_guessed(text: str) -> None:
    found = parse_ticker(text)
    assert (found.event, found.series, found.date) == (None, None, None)
    assert "where the event ends is not said" in (found.note or "")


# --- properties

SERIES = st.from_regex(r"KX[A-Z]{2,8}", fullmatch=True).filter(lambda s: not s.startswith("KXMVE"))
DAYS = st.dates(date(2021, 1, 1), date(2050, 12, 31))
# Teams and codes: letters first, so that the time before them ends, and no H, which marks a time.
SUBJECTS = st.one_of(st.just(""), st.from_regex(r"[A-GI-Z]{2,8}", fullmatch=True))
STRIKES = st.decimals(Decimal("-1e9"), Decimal("1e9"), places=4)
CLOCKS = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@given(SERIES, DAYS, st.sampled_from(PRECISIONS), CLOCKS, SUBJECTS, STRIKES, st.sampled_from("TB"))
def test_a_built_ticker_is_parsed_to_its_parts(
    series: str, day: date, precision: str, clock: time, subject: str, strike: Decimal, letter: str
) -> None:
    subject = subject if precision in ("day", "minute") else ""
    text = build_ticker(series, day, precision, clock=clock, subject=subject, strike=strike, strike_letter=letter)
    found = parse_ticker(text)
    first = {"year": day.replace(month=1, day=1), "month": day.replace(day=1)}
    first["quarter"] = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    assert (found.series, found.date, found.date_precision) == (series, first.get(precision, day), precision)
    assert found.time == {"hour": clock.replace(minute=0), "minute": clock}.get(precision)
    assert found.ticker_strike == strike
    assert found.strike_kind == {"T": "threshold", "B": "bucket"}[letter]
    assert found.note is None
    assert f"{found.event}-{found.outcome}" == found.text == text


@given(SERIES, DAYS, st.from_regex(r"[A-Z0-9.]{1,12}", fullmatch=True))
def test_a_named_outcome_is_parsed(series: str, day: date, outcome: str) -> None:
    found = parse_ticker(build_ticker(series, day, outcome=outcome))
    assert (found.outcome, found.event) == (outcome, build_ticker(series, day))


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision"):
        build_ticker("KXA", date(2026, 1, 1), "week")


ANYTHING = st.text(max_size=40)
MAYBE = st.none() | ANYTHING


@given(ANYTHING, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, st.booleans())
def test_no_text_raises_and_the_text_is_kept(
    text: str, series: str | None, event: str | None, kind: str | None, low: str | None, high: str | None, combo: bool
) -> None:
    found = parse_ticker(
        text, series=series, event=event, strike_type=kind, floor_strike=low, cap_strike=high, is_combo=combo
    )
    assert found.text == text
    assert (found.date is None) == (found.date_precision is None)


# Text that looks like a ticker: the grammar's own words and characters, in any order.
PIECES = (
    *("KX", "KXMVE", "-", "-", "26", "07", "2026", "AUG", "FEB", "31", "H", "1600", "05", "7", "Q2", "T", "B"),
    *("-T", "-B", "49.5", ".", "-0.1", "R", "MIL", "SD", "X", "\n", "é", "\uff19"),
)
NUMBERS = (None, "49", "49.5", "50", "-0.1", "x", "1e3", "")
KINDS = (None, "greater", "greater_or_equal", "less", "less_or_equal", "between", "custom")


def market(chance: Random) -> Row:
    """A market as we hold it: its event a beginning of the ticker, something else, or unknown."""
    ticker = "".join(chance.choices(PIECES, k=chance.randint(1, 12)))
    begin = ticker[: chance.randint(0, len(ticker))].rstrip("-")
    return kalshi(
        ticker,
        event=chance.choice([None, ticker, begin, begin, "KXOTHER-26AUG05"]) or None,
        series=chance.choice([None, ticker.partition("-")[0], "KXOTHER", f"KX{begin}"]) or None,
        strike_type=chance.choice(KINDS),
        floor_strike=chance.choice(NUMBERS),
        cap_strike=chance.choice(NUMBERS),
        is_combo=chance.random() < 0.1,
    )


@settings(max_examples=8)
@given(st.integers(0, 2**32))
def test_the_statement_and_the_parser_agree_on_any_ticker(seed: int) -> None:
    chance = Random(seed)
    made = {r["instrument_id"]: r for r in (market(chance) for _ in range(500))}
    found = parts_of_rows(made.values())
    assert {key: (as_parts(parsed_row(r)), r) for key, r in made.items() if as_parts(parsed_row(r)) != found[key]} == {}


def test_the_statement_parses_built_tickers() -> None:
    chance = Random(1)
    made = [
        kalshi(
            build_ticker(
                "KXS",
                date(2021, 1, 1) + timedelta(days=chance.randint(0, 10_000)),
                chance.choice(PRECISIONS),
                clock=time(chance.randint(0, 23), chance.randint(0, 59)),
                strike=Decimal(chance.randint(-(10**9), 10**9)).scaleb(-chance.randint(0, 6)),
                strike_letter=chance.choice("TB"),
            )
        )
        for _ in range(500)
    ]
    found = parts_of_rows({r["instrument_id"]: r for r in made}.values())
    assert {r["instrument_id"]: as_parts(parsed_row(r)) for r in made} == found
    assert all(parts[-1] is None and parts[0] is not None for parts in found.values())
