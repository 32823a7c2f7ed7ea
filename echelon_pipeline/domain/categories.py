"""One taxonomy for both venues: what a market is about, by an ordered table of rules; the first that matches wins.

Belongs here: reading ``category_rules.toml``, the same decision for one market (the readable twin, for tests and
callers with a market in hand) and the SQL that decides for all of them at once. The rules themselves are data.

A rule looks at one field: ``combo``, ``category``, ``fee``, ``sport`` (the venue's own words), ``tag``, ``series``
(Kalshi series ticker, Polymarket series slug), ``slug`` or ``title`` (event title and question). ``values`` are
compared whole, a ``pattern`` (a list: any of them) is an RE2 expression searched in the text; texts are in lower
case, series as served.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

CATEGORIES = (
    *("Politics", "Economics", "Financials", "Sports", "Crypto", "Climate", "Entertainment"),
    *("Science and Technology", "World", "Companies", "Mentions", "Health", "Transport", "Social", "Combos", "Other"),
)
# What kind of evidence a field is.
SOURCES = {"combo": "venue", "category": "venue", "fee": "venue", "sport": "venue", "tag": "tag"}
SOURCES |= {"series": "series", "slug": "title", "title": "title"}
NONE = "none"


@dataclass(frozen=True)
class CategoryRule:
    """One rule; ``position`` is its place in the table. ``venue`` empty: any."""

    position: int
    rule_id: str
    field: str
    category: str
    venue: str = ""
    values: tuple[str, ...] = ()
    pattern: str = ""

    @property
    def source(self) -> str:
        return SOURCES[self.field]

    def speaks_of(self, venue: str) -> bool:
        """Whether the rule is for this venue."""
        return self.venue in ("", venue)


@dataclass(frozen=True)
class Evidence:
    """What is known of one market; None or empty is not known."""

    venue: str
    is_combo: bool = False
    category: str | None = None
    fee: str | None = None
    sport: str | None = None
    tags: Sequence[str] = ()
    series: str | None = None
    slug: str | None = None
    title: str | None = None

    def texts(self, field: str) -> tuple[str, ...]:
        """The texts that a rule of this field looks at."""
        if field == "combo":
            return ("combo",) if self.is_combo else ()
        if field == "tag":
            return tuple(tag.strip(" ").lower() for tag in self.tags)
        text: str | None = getattr(self, field)
        if text is None:
            return ()
        return (text if field == "series" else text.strip(" ").lower(),)


@cache
def category_rules() -> tuple[CategoryRule, ...]:
    """The table, in order; KeyError or ValueError names a rule that is wrong."""
    text = files("echelon_pipeline.domain").joinpath("category_rules.toml").read_text(encoding="utf-8")
    return tuple(_rule(position, given) for position, given in enumerate(tomllib.loads(text)["rule"]))


def _rule(position: int, given: dict[str, Any]) -> CategoryRule:
    pattern = given.get("pattern", "")
    rule = CategoryRule(
        position,
        given["id"],
        given["field"],
        given["category"],
        given.get("venue", ""),
        tuple(given.get("values", ())),
        pattern if isinstance(pattern, str) else "|".join(pattern),
    )
    if rule.field not in SOURCES or rule.category not in CATEGORIES or bool(rule.values) == bool(rule.pattern):
        raise ValueError(f"category rule {rule.rule_id}: unknown field or category, or not one of values and pattern")
    re.compile(rule.pattern, re.ASCII)
    return rule


def categorise(evidence: Evidence) -> tuple[str, str, str | None]:
    """Category, kind of evidence and rule id of one market: what the SQL gives for the same evidence."""
    for rule in category_rules():
        if rule.speaks_of(evidence.venue) and any(_matches(rule, text) for text in evidence.texts(rule.field)):
            return rule.category, rule.source, rule.rule_id
    return "Other", NONE, None


def _matches(rule: CategoryRule, text: str) -> bool:
    if rule.values:
        return text in rule.values
    return re.search(rule.pattern, text, re.ASCII) is not None


# --- the same as SQL


def rules_values() -> str:
    """Relation (position, rule_id, category, source): the rules."""
    rows = (f"({r.position}, {_text(r.rule_id)}, {_text(r.category)}, {_text(r.source)})" for r in category_rules())
    return f"(VALUES {', '.join(rows)}) AS r(position, rule_id, category, source)"


def words_values() -> str:
    """Relation (venue, field, word, position): the words that are compared whole, each with its first rule. An empty
    venue is any."""
    found: dict[tuple[str, str, str], int] = {}
    for rule in category_rules():
        for word in rule.values:
            found.setdefault((rule.venue, rule.field, word), rule.position)
    rows = (f"({_text(v)}, {_text(f)}, {_text(w)}, {position})" for (v, f, w), position in found.items())
    return f"(VALUES {', '.join(rows)}) AS w(venue, field, word, position)"


def pattern_case(field: str, text: str, venue: str) -> str:
    """An expression: the position of the first rule of a field whose pattern is found in the column ``text``."""
    return f"CASE {' '.join(_cases(field, text, venue))} END"


def _cases(field: str, text: str, venue: str) -> Iterator[str]:
    yield f"WHEN {text} IS NULL THEN NULL"
    for rule in category_rules():
        if rule.field == field and rule.pattern:
            only = f"{venue} = {_text(rule.venue)} AND " if rule.venue else ""
            yield f"WHEN {only}regexp_matches({text}, {_text(rule.pattern)}) THEN {rule.position}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
