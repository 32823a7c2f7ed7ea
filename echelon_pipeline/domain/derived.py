"""The statements that make ``core.ticker_categories`` and ``core.display_names``.

Belongs here: combining the SQL files of ``sql/derive`` with the category rules. Each function returns one SELECT over
the relations ``instruments``, ``events``, ``series`` and ``outcomes``, with the columns of the table.
"""

from __future__ import annotations

import re

from echelon_pipeline.domain.categories import pattern_case, rules_values, words_values
from echelon_pipeline.sqltools.statements import statement

# The words of each venue that there are instruments of, each with its first rule.
_WORDS = """(
    SELECT v.venue, w.field, w.word, min(w.position) AS position
    FROM {words} JOIN (SELECT DISTINCT venue FROM instruments) v ON w.venue IN ('', v.venue) GROUP BY ALL
)"""
_CALL = re.compile(r"\bfirst_rule\('(\w+)', ([\w.]+), ([\w.]+)\)")


def ticker_categories_sql() -> str:
    """Category and ticker parts of every instrument."""
    relations = {"category_rules": rules_values(), "category_words": _WORDS.format(words=words_values())}
    with_rules = ", ".join(f"{name} AS MATERIALIZED (FROM {rows})" for name, rows in relations.items())
    text = _CALL.sub(lambda call: pattern_case(*call.groups()), statement("derive/ticker_categories").text)
    return f"WITH {with_rules}, ticker_parts AS ({statement('derive/ticker_parts').text}) FROM ({text})"


def display_names_sql() -> str:
    """Display names of every instrument and of its first two outcomes."""
    parts = statement("derive/ticker_parts").text
    return f"WITH ticker_parts AS ({parts}) FROM ({statement('derive/display_names').text})"


# The SELECT that replaces ``made_rows`` in the statement of each table.
DERIVED_SQL = {"core.ticker_categories": ticker_categories_sql, "core.display_names": display_names_sql}
