"""The category of one market in plain Python: a second implementation to compare the SQL with.

Belongs here: the decision by the rules of ``domain/categories.py`` for one market. The rules themselves are shared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from echelon_pipeline.domain.categories import NONE, CategoryRule, category_rules


@dataclass(frozen=True)
class Evidence:
    """The fields of one market that rules test; None or empty: unknown."""

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
        """The texts that a rule of this field tests."""
        if field == "combo":
            return ("combo",) if self.is_combo else ()
        if field == "tag":
            return tuple(tag.strip(" ").lower() for tag in self.tags)
        text: str | None = getattr(self, field)
        if text is None:
            return ()
        return (text if field == "series" else text.strip(" ").lower(),)


def categorise(evidence: Evidence) -> tuple[str, str, str | None]:
    """Category, kind of evidence and rule id of one market."""
    for rule in category_rules():
        if rule.venue in ("", evidence.venue) and any(_matches(rule, text) for text in evidence.texts(rule.field)):
            return rule.category, rule.source, rule.rule_id
    return "Other", NONE, None


def _matches(rule: CategoryRule, text: str) -> bool:
    if rule.values:
        return text in rule.values
    return re.search(rule.pattern, text, re.ASCII) is not None
