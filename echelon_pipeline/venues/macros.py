"""Generates SQL macros for facts of a venue, such as ``venue_has_tokens(venue)``.

Belongs here: their text, from the registrations. Every DuckDB session and the published file have them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

from echelon_pipeline.domain.fees import TakerFees
from echelon_pipeline.sqltools.text import literal
from echelon_pipeline.venues.base import Facts, Venue


def macros(venues: Sequence[Venue]) -> list[str]:
    """Statements that create what SQL asks: one macro per fact (``venue_has_tokens(venue)``) and the lists of venues
    ``venues_with('has_tokens')`` and ``venues_without('has_tokens')``; ``known_venue(venue)``, ``venue_title(venue)``,
    ``venue_names()`` for messages, ``any_venue()`` for what names none, ``is_unlisted_combo(instrument_id)``,
    ``is_payout_source(source)``; the taker fees of ``domain/fees.py`` as ``rounded_fee(venue, fee)``,
    ``fee_exponent(venue, fee_schedule)`` and ``taker_fee_rate(venue, fee_type, fee_multiplier, served_rate)``."""
    names = [venue.name for venue in venues]
    sources = [source for venue in venues for source in venue.payout_sources]
    with_fact = {f.name: [v.name for v in venues if getattr(v.facts, f.name)] for f in fields(Facts)}
    without = {fact: [name for name in names if name not in some] for fact, some in with_fact.items()}
    titles = " ".join(f"WHEN {literal(v.name)} THEN {literal(v.title)}" for v in venues)
    combos = " OR ".join(_combos(v) for v in venues if v.unlisted_combos)
    return [
        *(_macro(f"venue_{fact}(venue)", _among(some)) for fact, some in with_fact.items()),
        _macro("venues_with(fact)", _lists(with_fact)),
        _macro("venues_without(fact)", _lists(without)),
        _macro("known_venue(venue)", _among(names)),
        _macro("venue_title(venue)", f"CASE venue {titles} ELSE venue END"),
        _macro("venue_names()", literal(" or ".join(sorted(names, reverse=True)))),
        _macro("is_payout_source(source)", f"source IN ({', '.join(map(literal, sources))})"),
        _macro("any_venue()", literal(max(names))),
        _macro("is_unlisted_combo(instrument_id)", combos or "false"),
        _macro("rounded_fee(venue, fee)", _by_venue(venues, lambda fees: fees.rounding_sql("fee"), "NULL")),
        _macro("fee_exponent(venue, fee_schedule)", _by_venue(venues, _exponent, "NULL")),
        _macro(
            "taker_fee_rate(venue, fee_type, fee_multiplier, served_rate)",
            _by_venue([v for v in venues if v.fees and v.fees.base_rates], _rate, "served_rate"),
        ),
    ]


def _by_venue(venues: Sequence[Venue], sql: Callable[[TakerFees], str], otherwise: str) -> str:
    parts = (f"WHEN {literal(v.name)} THEN {sql(v.fees)}" for v in venues if v.fees is not None)
    return f"CASE venue {' '.join(parts)} ELSE {otherwise} END"


def _exponent(fees: TakerFees) -> str:
    served = "TRY_CAST(fee_schedule ->> '$.exponent' AS DECIMAL(9, 6))"
    return served if fees.exponent is None else str(fees.exponent)


def _rate(fees: TakerFees) -> str:
    rates = " ".join(f"WHEN {literal(kind)} THEN {rate}" for kind, rate in fees.base_rates.items())
    return f"CAST(CASE fee_type {rates} END * fee_multiplier AS DECIMAL(12, 8))"


def _lists(by_fact: Mapping[str, Sequence[str]]) -> str:
    lists = (f"WHEN {literal(fact)} THEN {_list(names)}" for fact, names in by_fact.items())
    return f"CASE fact {' '.join(lists)} END"


def _list(names: Sequence[str]) -> str:
    return f"CAST([{', '.join(map(literal, names))}] AS VARCHAR[])"


def _macro(head: str, body: str) -> str:
    return f"CREATE OR REPLACE MACRO {head} AS ({body})"


def _among(names: list[str]) -> str:
    return f"venue IN ({', '.join(map(literal, names))})" if names else "venue IS NULL AND false"


def _combos(venue: Venue) -> str:
    """Bounds first: they skip files and row groups, which a pattern does not."""
    if venue.unlisted_combos is None:
        return "false"
    first, last, pattern = venue.unlisted_combos
    low, high, whole = (literal(f"{venue.name}:{text}") for text in (first, last, pattern))
    return f"instrument_id >= {low} AND instrument_id < {high} AND regexp_full_match(lower(instrument_id), {whole})"
