"""Titles and questions of both venues, each in its own words: the same topic is a title with strikes at Kalshi and a
full question per market at Polymarket.

Belongs here: templates per family, and filling them. Labels of markets are in ``markets.py``.
"""

from __future__ import annotations

from calendar import month_abbr, month_name
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from echelon_pipeline.sandbox.universe.markets import MarketText
from echelon_pipeline.sandbox.universe.pools import DISTRICTS, FILMS, STATES
from echelon_pipeline.sandbox.universe.strikes import STRIKES
from echelon_pipeline.sandbox.universe.topics import Topic

VenueName = Literal["kalshi", "polymarket"]
_EASTERN = timedelta(hours=5)  # standard time all year for simplicity
_MONTHS, _SHORT = tuple(month_name), tuple(month_abbr)  # strftime takes ten times as long


@dataclass(frozen=True)
class Wording:
    """Templates of a series, and of an event and a market at Kalshi and at Polymarket. A Polymarket event of one market
    has its question as title."""

    series: str
    kalshi_event: str
    kalshi_market: str
    polymarket_event: str
    polymarket_market: str = ""


WORDINGS: dict[str, Wording] = {
    "weather": Wording(
        "Daily temperature in {s}", "{Extreme} temperature in {s} on {date}?",
        "Will the {extreme} temp in {s} be {label} on {date}?",
        "{Extreme} temperature in {s} on {day}?", "Will the {lower_extreme} temperature in {s} be {range} on {day}?",
    ),
    "crypto_hourly": Wording(
        "{s} price", "{s} price on {date} at {hour}?", "Will the price of {s} be {label} on {date} at {hour}?",
        "{s} above ___ on {day}, {HOUR}?", "Will the price of {s} be above {item} on {day}, {HOUR}?",
    ),
    "crypto_15m": Wording(
        "{s} price up in 15 minutes", "{s} 15 min · {value} target", "{s} price up in next 15 mins?",
        "{s} Up or Down - {day}, {span}",
    ),
    "econ": Wording(
        "{s}", "{s} in {Mon} {year}?", "Will {figure} in {month} {year}?",
        "{s} in {month} {year}?", "Will {figure} in {month} {year}?",
    ),
    "fed": Wording(
        "Fed meeting", "Fed decision in {Mon} {year}?",
        "Will the Federal Reserve {decision} at their {month} {year} meeting?",
        "Fed decision in {month} {year}?", "{question} {month} {year} meeting?",
    ),
    "nominee": Wording(
        "{s} nominee", "{s} nominee{where} before {date}?", "Will {label} be the {s} nominee{where} before {date}?",
        "{s} nominee{where} by {day}, {year}?", "Will {label} win the {s} nomination{where} by {day}, {year}?",
    ),
    "politics": Wording(
        "{s}", "Will {s} before {date}?", "Will {s} before {date}?", "Will {s} by {day}, {year}?",
    ),
    "race": Wording(
        "{s}", "{seat} winner? ({Mon} {year})", "Will the {label} candidate win {the_seat} in {Mon} {year}?",
        "{seat} winner, {month} {year}", "Will the {party} win {the_seat} in {month} {year}?",
    ),
    "game": Wording(
        "{s} game", "{a} at {b}", "{a} at {b} Winner?", "{a} vs. {b}",
    ),
    "total": Wording(
        "{s} total points", "{a} at {b}: Total Points", "{a} at {b}: {label}?",
        "{a} vs. {b}: Total Points", "{a} vs. {b}: O/U {item}",
    ),
    "mentions": Wording(
        "What will {s} say?", "What will {s} say on {date}?", "Will {s} say {label} on {date}?",
        "What will {s} say on {day}?", 'Will {s} say "{label}" on {day}?',
    ),
    "films": Wording(
        "{s}", "{s} winner in {year}?", "Will {label} win {s} in {year}?",
        "{s} {year} winner", "Will {label} win {s} in {year}?",
    ),
    "scores": Wording(
        "{s}", "{film}: {s} on {date}?", "Will the {s} of {film} be {lower} on {date}?",
        "{film}: {s} on {day}?", "Will the {s} of {film} be {lower} on {day}?",
    ),
    "indices": Wording(
        "{s} price", "{s} price on {date} at {hour}?", "Will the {s} be {label} on {date} at {hour}?",
        "{s} closes above ___ on {day}, {HOUR}?", "Will the {s} be above {item} on {day}, {HOUR}?",
    ),
    "commodities": Wording(
        "{s} price", "{s} price on {date}?", "Will the {s} close price be {label} on {date}?",
        "{s} price on {day}?", "Will {s} close {phrase} on {day}?",
    ),
    "models": Wording(
        "Top AI model", "Which company has the top AI model on {date}?",
        "Will {label} have the top AI model on {date}?",
        "Which company has the best AI model on {day}?", "Will {label} have the best AI model on {day}?",
    ),
    "companies": Wording(
        "{s}", "{s} this quarter ({date})?", "Will {s} be {lower} this quarter ({date})?",
        "{s} this quarter ({day})?", "Will {s} be {lower} this quarter ({day})?",
    ),
    "world": Wording(
        "{s}", "Will {s} before {date}?", "Will {s} before {date}?", "Will {s} by {day}, {year}?",
    ),
}  # fmt: skip
_FIGURES = {
    "KXCPIYOY": "CPI rise {} year-over-year",
    "KXCPI": "CPI rise {} month-over-month",
    "KXU3": "the unemployment rate be {}",
    "KXPAYROLLS": "{} jobs be added",
    "KXGDP": "US GDP growth be {}",
}
# A decision of the Fed in Kalshi's and in Polymarket's words, by the code in Kalshi's ticker.
_FED = {
    "H0": ("hold rates", "No change in Fed interest rates after"),
    "C25": ("cut rates by 25bps", "Fed decreases interest rates by 25 bps after"),
    "H25": ("hike rates by 25bps", "Fed increases interest rates by 25 bps after"),
    "C50": ("cut rates by 50bps", "Fed decreases interest rates by 50 bps after"),
    "H50": ("hike rates by 50bps", "Fed increases interest rates by 50 bps after"),
    "C51": ("cut rates by more than 50bps", "Fed decreases interest rates by more than 50 bps after"),
    "H51": ("hike rates by more than 50bps", "Fed increases interest rates by more than 50 bps after"),
}
_FED_EARLY = ("make an unscheduled move before or", "Unscheduled change of Fed interest rates before")


def event_title(topic: Topic, venue: VenueName) -> str:
    """The title of a topic's event."""
    wording = WORDINGS[topic.family.name]
    template = wording.kalshi_event if venue == "kalshi" else wording.polymarket_event
    return template.format_map(_words(topic))


def market_title(topic: Topic, text: MarketText, venue: VenueName) -> str:
    """The title or question of one market."""
    wording = WORDINGS[topic.family.name]
    template = wording.kalshi_market if venue == "kalshi" else wording.polymarket_market or wording.polymarket_event
    label = text.label
    lower = label[:1].lower() + label[1:]
    inside = f"between {text.item}" if text.strike_type == "between" else text.item
    own = {
        "label": label,
        "lower": lower,
        "item": text.item,
        "range": inside,
        "phrase": inside if text.strike_type == "between" else f"at {inside}",
        "party": "Independent candidate" if label == "Independent" else f"{label} Party",
        "figure": _FIGURES.get(topic.ticker, "").format(lower),
    }
    if topic.family.name == "fed":
        own["decision"], own["question"] = _FED.get(text.suffix, _FED_EARLY)
    return template.format_map(_words(topic) | own)


def series_title(family: str, subject: str) -> str:
    """The title of a series."""
    return WORDINGS[family].series.format(s=subject[:1].upper() + subject[1:])


def short_date(seconds: int) -> str:
    """Like Nov 21, 2026, in Eastern time, as in Kalshi's tickers."""
    at = datetime.fromtimestamp(seconds, UTC) - _EASTERN
    return f"{_SHORT[at.month]} {at.day}, {at.year}"


def _words(topic: Topic) -> dict[str, str]:
    at = datetime.fromtimestamp(topic.closes, UTC) - _EASTERN
    words = {
        "s": topic.about,
        "date": short_date(topic.closes),
        "day": f"{_MONTHS[at.month]} {at.day}",
        "Mon": _SHORT[at.month],
        "month": _MONTHS[at.month],
        "year": str(at.year),
        "hour": f"{_clock(at).lower()} EST",
        "HOUR": f"{_clock(at)} ET",
        "span": f"{_clock(at - timedelta(minutes=15), minutes=True)}-{_clock(at, minutes=True)} ET",
        "film": FILMS[topic.bits(14) % len(FILMS)][1],
        **_places(topic),
        **_extremes(topic),
    }
    if topic.family.style == "updown":
        words["value"] = target(topic)
    if topic.family.pool and topic.family.style in ("game", "ladder"):
        (_, words["a"]), (_, words["b"]) = topic.sides()
    return words


def _places(topic: Topic) -> dict[str, str]:
    """``where``: of a nomination in a state; ``seat`` of a race."""
    state, district = STATES[topic.bits(15) % len(STATES)], DISTRICTS[topic.bits(15) % len(DISTRICTS)]
    ticker = topic.ticker
    if ticker == "KXHOUSERACE":
        seat = f"{district} House race"
    else:
        seat = f"{state} Senate race" if ticker == "KXSENATERACE" else f"{state} governor race"
    where = f" in {state}" if ticker in ("KXSENATENOM", "KXGOVNOM") else ""
    return {"where": where, "seat": seat, "the_seat": f"the {seat}"}


def _extremes(topic: Topic) -> dict[str, str]:
    """Of a day's temperature."""
    if topic.ticker.startswith("KXLOWT"):
        return {"Extreme": "Lowest", "lower_extreme": "lowest", "extreme": "low"}
    return {"Extreme": "Highest", "lower_extreme": "highest", "extreme": "high"}


def target(topic: Topic) -> str:
    """The price that an up-or-down market starts from."""
    strikes = STRIKES[topic.ticker]
    return strikes.amount(strikes.start + strikes.step * (topic.bits(20) % strikes.shifts))


def _clock(at: datetime, *, minutes: bool = False) -> str:
    shown = f":{at.minute:02d}" if minutes or at.minute else ""
    return f"{at.hour % 12 or 12}{shown}{'AM' if at.hour < 12 else 'PM'}"
