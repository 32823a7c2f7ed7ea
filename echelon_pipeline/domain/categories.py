"""One taxonomy for both venues: the category of a market by an ordered table of rules; the first match wins.

Belongs here: reading ``category_rules.toml``, and the SQL that applies the rules. The rules themselves are data.

A rule tests one field: ``combo``, ``category``, ``fee``, ``sport`` (the venue's own words), ``tag``, ``series``
(Kalshi series ticker, Polymarket series slug), ``slug`` or ``title`` (event title and question). ``values`` must equal
the whole text; a ``pattern`` (or any of a list of patterns) is an RE2 expression searched in the text. Texts are in
lower case, series as served.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

CATEGORIES = (
    *("Politics", "Economics", "Financials", "Sports", "Crypto", "Climate", "Entertainment"),
    *("Science and Technology", "World", "Companies", "Mentions", "Health", "Transport", "Social", "Combos", "Other"),
)
# The kind of evidence of a field.
SOURCES = {"combo": "venue", "category": "venue", "fee": "venue", "sport": "venue", "tag": "tag"}
SOURCES |= {"series": "series", "slug": "title", "title": "title"}
NONE = "none"


@dataclass(frozen=True)
class CategoryRule:
    """One rule; ``position``: its place in the table. ``venue`` empty: every venue."""

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


@cache
def category_rules() -> tuple[CategoryRule, ...]:
    """The rules in order; KeyError or ValueError for an invalid rule."""
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


# --- SQL


def rules_values() -> str:
    """The rules as a relation (position, rule_id, category, source)."""
    rows = (f"({r.position}, {_text(r.rule_id)}, {_text(r.category)}, {_text(r.source)})" for r in category_rules())
    return f"(VALUES {', '.join(rows)}) AS r(position, rule_id, category, source)"


def words_values() -> str:
    """The ``values`` of the rules as a relation (venue, field, word, position), each with its first rule. An empty
    venue means every venue."""
    first: dict[tuple[str, str, str], int] = {}
    for rule in category_rules():
        for word in rule.values:
            first.setdefault((rule.venue, rule.field, word), rule.position)
    rows = (f"({_text(v)}, {_text(f)}, {_text(w)}, {position})" for (v, f, w), position in first.items())
    return f"(VALUES {', '.join(rows)}) AS w(venue, field, word, position)"


def pattern_case(field: str, text: str, venue: str) -> str:
    """An expression for the position of the first rule of a field whose pattern matches the column ``text``."""
    return f"CASE {' '.join(_cases(field, text, venue))} END"


def _cases(field: str, text: str, venue: str) -> Iterator[str]:
    yield f"WHEN {text} IS NULL THEN NULL"
    for rule in category_rules():
        if rule.field == field and rule.pattern:
            only = f"{venue} = {_text(rule.venue)} AND " if rule.venue else ""
            yield f"WHEN {only}regexp_matches({text}, {_text(rule.pattern)}) THEN {rule.position}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
