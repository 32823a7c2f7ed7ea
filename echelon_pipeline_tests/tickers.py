"""A parser and a builder of Kalshi tickers: a second implementation to compare ``sql/derive/ticker_parts.sql`` with.

Belongs here: the grammar. Tickers are names, not a documented format: the API's values (series, event, strikes) take
precedence, an ambiguous part is None with a note, and no text raises.

    KXHIGHNY-26JAN09-B49.5                 day, bucket around 49.5
    KXBTCD-26JUL0317-T60999.99             day and hour, threshold
    KXINXU-25NOV14H1600-T6724.9999         day, hour and minute after an H, threshold
    KXMLBGAME-26AUG112140MILSD-MIL         start of the game, teams, the side
    KXCPI-26AUG-T-0.3, KXAGICO-COMP-26Q2   month, quarter
    KXMLBWINS-ATH-26-T95                   a series with a hyphen: only the API says where the series ends

Times in tickers are US Eastern. They are kept naive, with ``TIME_ZONE`` as their label.
"""

from __future__ import annotations

import re
from calendar import month_abbr
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

TIME_ZONE = "America/New_York"
PRECISIONS = ("year", "quarter", "month", "day", "hour", "minute")
MONTHS = tuple(name.upper() for name in month_abbr[1:])
COMBO_PREFIX = "KXMVE"
# The API's strike types. Others (structured, custom, functional) name an outcome.
STRIKE_KINDS = {
    "greater": "above",
    "greater_or_equal": "at_least",
    "less": "below",
    "less_or_equal": "at_most",
    "between": "between",
}

# Two digits are a year only from 20 to 50: others are districts (07), prices (65) or ceremonies (69).
_YEAR = "([234][0-9]|50)"
_MONTH = f"({'|'.join(MONTHS)})"
_START = "(?:^|-)"
_END = r"(?:-|\Z)"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII)


_STRIKE = _pattern(r"-([TB])(-?[0-9]{1,20}(?:\.[0-9]{1,12})?)\Z")
_NUMBER = _pattern(r"-?[0-9]{1,20}(?:\.[0-9]{1,12})?\Z")
_DAY = _pattern(rf"{_START}{_YEAR}{_MONTH}([0-9]{{2}})(H?)([0-9]*)([^0-9]|\Z)")
_LAST_DAY = _pattern(rf"[A-Z]{_YEAR}{_MONTH}([0-9]{{2}}){_END}")
_MONTHLY = _pattern(rf"{_START}{_YEAR}{_MONTH}{_END}")
_QUARTER = _pattern(rf"(?:^|-|[A-Z]){_YEAR}Q([1-4]){_END}")
_YEARLY = _pattern(rf"{_START}(?:{_YEAR}|20{_YEAR}){_END}")
_NAMED_MONTH = _pattern(rf"^{_YEAR}{_MONTH}[A-Z]")
_TWO_NUMBERS = _pattern(rf"^[0-9]{{2}}[A-Z][0-9]{{2}}{_END}")
_NAMED_YEAR = _pattern(rf"^(?:{_YEAR}|20{_YEAR})[A-Z]")
_HOUR = _pattern(r"(?:[01][0-9]|2[0-3])\Z")
_CLOCK = _pattern(r"(?:[01][0-9]|2[0-3])[0-5][0-9]\Z")


@dataclass(frozen=True)
class Ticker:
    """The parts of a ticker. None: missing or ambiguous; ``note`` may have the reason.

    ``event_suffix``: the event ticker without its series. ``date``: the first day of the period that
    ``date_precision`` names. ``strike_kind``: above, at_least, below, at_most, between, named; or threshold and bucket
    if only the ticker has a strike: the number without the side. ``ticker_strike``: the number in the ticker.
    """

    text: str
    series: str | None = None
    event: str | None = None
    event_suffix: str | None = None
    date: date | None = None
    date_precision: str | None = None
    time: time | None = None
    strike_kind: str | None = None
    strike_low: Decimal | None = None
    strike_high: Decimal | None = None
    ticker_strike: Decimal | None = None
    outcome: str | None = None
    is_combo: bool = False
    note: str | None = None


def parse_ticker(
    text: str,
    *,
    series: str | None = None,
    event: str | None = None,
    strike_type: str | None = None,
    floor_strike: str | None = None,
    cap_strike: str | None = None,
    is_combo: bool = False,
) -> Ticker:
    """Parses a ticker; the keywords are the API's values for the same market, as served, and take precedence."""
    if is_combo or text.startswith(COMBO_PREFIX):
        return Ticker(text, series, event, is_combo=True, note="a combo's ticker is opaque")
    notes: list[str] = []
    tail = _STRIKE.search(text)
    event, outcome = _cut(text, event, tail, notes)
    series, suffix = _series(event, series, notes)
    day, precision, clock = _date(suffix, notes)
    kind, low, high = _strike(strike_type, floor_strike, cap_strike, tail, outcome, notes)
    return Ticker(
        *(text, series, event, suffix, day, precision, clock, kind, low, high),
        ticker_strike=Decimal(tail[2]) if tail else None,
        outcome=outcome,
        note="; ".join(notes) or None,
    )


def build_ticker(
    series: str,
    day: date,
    precision: str = "day",
    *,
    clock: time | None = None,
    subject: str = "",
    outcome: str | None = None,
    strike: Decimal | None = None,
    strike_letter: str = "T",
) -> str:
    """Builds a ticker in the venue's format; ``subject`` follows the date (teams, a code).

    ValueError for an unknown precision.
    """
    year, month = f"{day:%y}", MONTHS[day.month - 1]
    written = {
        "year": year,
        "quarter": f"{year}Q{(day.month + 2) // 3}",
        "month": f"{year}{month}",
        "day": f"{year}{month}{day:%d}",
        "hour": f"{year}{month}{day:%d}{clock or time():%H}",
        "minute": f"{year}{month}{day:%d}{clock or time():%H%M}",
    }
    if precision not in written:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    last = f"{strike_letter}{strike:f}" if strike is not None else outcome
    return f"{series}-{written[precision]}{subject}" + (f"-{last}" if last else "")


def _cut(text: str, event: str | None, tail: re.Match[str] | None, notes: list[str]) -> tuple[str | None, str | None]:
    """The event ticker and the rest."""
    if event is not None:
        if text == event:
            return event, None
        if text.startswith(f"{event}-"):
            return event, text[len(event) + 1 :] or None
        notes.append("the ticker does not begin with its event ticker")
        return event, tail[0][1:] if tail else None
    head = text[: tail.start()] if tail else text
    parts = [*head.split("-"), *([tail[0][1:]] if tail else [])]
    if len(parts) == 3:
        return f"{parts[0]}-{parts[1]}", parts[2] or None
    notes.append(f"{len(parts)} parts: where the event ends is not said")
    return None, parts[-1] if tail else None


def _series(event: str | None, series: str | None, notes: list[str]) -> tuple[str | None, str | None]:
    """The series ticker, and the event ticker without it."""
    if event is None:
        return series, None
    if series is None:
        parts = event.split("-")
        if len(parts) == 2:
            return parts[0], parts[1]
        notes.append("where the series ends is not said")
        return None, event.partition("-")[2] or None
    # Legacy events lack the KX of their series.
    for start in (series, series.removeprefix("KX")):
        if event == start:
            return series, None
        if event.startswith(f"{start}-"):
            return series, event[len(start) + 1 :] or None
    notes.append("the event ticker does not begin with its series ticker")
    return series, event.partition("-")[2] or None


def _date(suffix: str | None, notes: list[str]) -> tuple[date | None, str | None, time | None]:
    """The date in an event's suffix with the finest precision, if it is unambiguous."""
    text = suffix or ""
    if found := _DAY.search(text) or _LAST_DAY.search(text):
        return _day(found, notes)
    if found := _MONTHLY.search(text):
        return date(2000 + int(found[1]), MONTHS.index(found[2]) + 1, 1), "month", None
    if found := _QUARTER.search(text):
        return date(2000 + int(found[1]), 3 * int(found[2]) - 2, 1), "quarter", None
    if found := _YEARLY.search(text):
        return date(2000 + int(found[1] or found[2]), 1, 1), "year", None
    if _TWO_NUMBERS.search(text):
        notes.append("two numbers could be the year")
        return None, None, None
    if _NAMED_MONTH.search(text):
        notes.append("letters after the year could be a month or a name")
    if found := _NAMED_YEAR.search(text):
        return date(2000 + int(found[1] or found[2]), 1, 1), "year", None
    return None, None, None


def _day(found: re.Match[str], notes: list[str]) -> tuple[date | None, str | None, time | None]:
    try:
        day = date(2000 + int(found[1]), MONTHS.index(found[2]) + 1, int(found[3]))
    except ValueError:
        notes.append("no such day")
        return None, None, None
    marker, digits, after = found.groups()[3:] if len(found.groups()) > 3 else ("", "", "")
    if _CLOCK.match(digits):
        return day, "minute", time(int(digits[:2]), int(digits[2:]))
    if not marker and _HOUR.match(digits) and after in ("", "-"):
        return day, "hour", time(int(digits))
    if digits:
        notes.append("digits after the date are not a time")
    return day, "day", None


def _strike(
    strike_type: str | None,
    floor: str | None,
    cap: str | None,
    tail: re.Match[str] | None,
    outcome: str | None,
    notes: list[str],
) -> tuple[str | None, Decimal | None, Decimal | None]:
    """Kind and bounds of the strike, from the API if it has them."""
    kind = STRIKE_KINDS.get(strike_type or "")
    if kind is None:
        if strike_type is None and tail:
            return {"T": "threshold", "B": "bucket"}[tail[1]], None, None
        return "named" if outcome or strike_type else None, None, None
    low = None if kind in ("below", "at_most") else _decimal(floor)
    high = None if kind in ("above", "at_least") else _decimal(cap)
    if tail and (low is not None or high is not None):
        _compare(tail, low, high, notes)
    return kind, low, high


def _compare(tail: re.Match[str], low: Decimal | None, high: Decimal | None, notes: list[str]) -> None:
    said = Decimal(tail[2])
    inside = (low is None or low <= said) and (high is None or said <= high)
    if not (inside if tail[1] == "B" else said in (low, high)):
        notes.append(f"the ticker's strike is {tail[2]}, the venue's is another")


def _decimal(text: str | None) -> Decimal | None:
    return Decimal(text) if text and _NUMBER.match(text) else None
