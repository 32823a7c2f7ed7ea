"""Parlays: combos, their legs, and combo prices compared with leg prices.

Belongs here: columns, keys and rules of ``core.parlays``, ``core.parlay_legs`` and ``mart.parlay_values``. Prices of
a leg are prices of the combo's side: the bid of a no leg is 1 - the ask of yes.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import VENUE, in_unit
from echelon_pipeline.tables.schema import Column, Feeder, Rule, T, Table

_PARLAY = Column("instrument_id", T.TEXT, "venue:native_id of the combo", nullable=False)
_NAME = Column("display_name", T.TEXT, "title and side of each leg, joined by +; cut after 4 legs", nullable=False)
_COLLECTION = Column("collection_id", T.TEXT, "the venue's collection from which it was made")
_STATUS = Column("status", T.TEXT, "as in core.instruments; NULL if no listing has the combo")
_CREATED = Column("created_at", T.TIME, "the venue's creation time")
_LEG_COUNT = Column("leg_count", T.INT, "number of served legs; NULL if none were served")
_BID = Column("bid", T.PRICE, "for the combo paying out (outcome 0), newest; NULL is no quote", unit="USD")
_ASK = Column("ask", T.PRICE, "for the combo paying out (outcome 0), newest; NULL is no quote", unit="USD")
_LAST = Column("last_price", T.PRICE, "last trade of the combo; NULL if it never traded", unit="USD")
_QUOTED = Column("observed_at", T.TIME, "when bid, ask and last_price were last served")
_PAYOUT = Column("payout_0", T.EXACT_PRICE, "per share of outcome 0, after the venue has published it", unit="USD")


def _either(value: str, reason: str) -> Rule:
    return Rule(f"{value} or a reason", f"({value} IS NULL) = ({reason} IS NOT NULL)")


PARLAYS = Table(
    name="core.parlays",
    fed_by=(Feeder.STATEMENT, Feeder.COMBOS),
    about="One row is one combo: an instrument that pays the product of its legs.",
    grain="instrument",
    columns=(
        VENUE,
        _PARLAY,
        Column("native_id", T.TEXT, "Kalshi ticker, Polymarket condition id", nullable=False),
        Column("event_id", T.TEXT, "venue:native_id of the combo's own event"),
        _COLLECTION,
        _NAME,
        Column("definition", T.TEXT, "JSON list of legs as served"),
        _LEG_COUNT,
        Column("legs_known", T.BOOL, "every leg names a market and a side", nullable=False),
        Column("unknown_reason", T.TEXT, "why the legs are not known"),
        _STATUS,
        _CREATED,
        Column("closes_at", T.TIME, "scheduled end of trading as served"),
        Column("settled_at", T.TIME, "when the payout became final"),
        _LAST,
        _BID,
        _ASK,
        _QUOTED,
        _PAYOUT,
    ),
    key=("instrument_id",),
    partition_by=(),
    sort_by=("instrument_id",),
    rules=(
        Rule("legs are known or a reason is given", "legs_known = (unknown_reason IS NULL)"),
        in_unit("bid"),
        in_unit("ask"),
        in_unit("last_price"),
        Rule("known legs are counted", "NOT legs_known OR leg_count > 0"),
    ),
    indexes=(("collection_id",), ("status",)),
)

PARLAY_LEGS = Table(
    name="core.parlay_legs",
    fed_by=(Feeder.STATEMENT, Feeder.COMBOS),
    about="One row is one leg of a combo, priced on the combo's side.",
    grain="parlay_id, leg_index",
    columns=(
        VENUE,
        Column("parlay_id", T.TEXT, "instrument_id of the combo", nullable=False),
        Column("leg_index", T.INT, "position in the served list, from 0", nullable=False),
        Column("instrument_id", T.TEXT, "venue:native_id of the leg; it may be missing in core.instruments"),
        Column("event_id", T.TEXT, "venue:native_id of the leg's event"),
        Column("side", T.TEXT, "as served: yes or no"),
        Column("outcome_index", T.INT, "0 is yes, 1 is no; NULL if the side is neither"),
        Column("title", T.TEXT, "of the leg's instrument"),
        Column("sub_title", T.TEXT, "of the leg's instrument"),
        Column("status", T.TEXT, "of the leg's instrument, as in core.instruments"),
        Column("is_scalar", T.BOOL, "the leg may pay a fraction, or did"),
        Column("is_known", T.BOOL, "core.instruments has the leg's instrument, and its side is clear", nullable=False),
        Column("unknown_reason", T.TEXT, "why the leg is not known"),
        Column("price", T.EXACT_PRICE, "now: final payout, else mid of the newest quotes, else last trade", unit="USD"),
        Column("price_source", T.TEXT, "payout, mid or last_trade"),
        Column("price_reason", T.TEXT, "why there is no price"),
        Column("bid", T.PRICE, "newest; NULL is no quote", unit="USD"),
        Column("ask", T.PRICE, "newest; NULL is no quote", unit="USD"),
        Column("observed_at", T.TIME, "when bid and ask were last served"),
        Column("bid_beside", T.PRICE, "bid observed within 60 s of the combo's newest quote", unit="USD"),
        Column("ask_beside", T.PRICE, "ask observed within 60 s of the combo's newest quote", unit="USD"),
        Column("beside_at", T.TIME, "when bid_beside and ask_beside were observed; NULL if no poll was that close"),
        Column("price_at_creation", T.EXACT_PRICE, "last known price when the combo was created", unit="USD"),
        Column("creation_source", T.TEXT, "trade, quote (mid, else last trade) or daily_close"),
        Column("creation_known_at", T.TIME, "time of that price; for a daily close, the end of its day"),
        Column("creation_reason", T.TEXT, "why there is no price at creation"),
        Column("payout", T.EXACT_PRICE, "final payout of this side", unit="USD"),
    ),
    key=("parlay_id", "leg_index"),
    partition_by=(),
    sort_by=("parlay_id", "leg_index"),
    rules=(
        in_unit("price"),
        in_unit("price_at_creation"),
        in_unit("payout"),
        in_unit("bid"),
        in_unit("ask"),
        in_unit("bid_beside"),
        in_unit("ask_beside"),
        Rule("the leg is known or a reason is given", "is_known = (unknown_reason IS NULL)"),
        _either("price", "price_reason"),
        _either("price_at_creation", "creation_reason"),
        Rule("a price at creation is not from later", "creation_known_at IS NULL OR price_at_creation IS NOT NULL"),
    ),
    indexes=(("instrument_id",),),
)

PARLAY_VALUES = Table(
    name="mart.parlay_values",
    version=2,
    about="One row is one combo's quote, the product of its legs' prices, and the bounds from the legs' quotes.",
    grain="instrument",
    columns=(
        VENUE,
        _PARLAY,
        _NAME,
        _COLLECTION,
        _STATUS,
        _CREATED,
        _LEG_COUNT,
        Column(
            "priced_outcome",
            T.TEXT,
            "the priced outcome of the combo: outcome 0, every leg wins",
            nullable=False,
        ),
        _BID,
        _ASK,
        _LAST,
        _QUOTED,
        Column("leg_product", T.EXACT_PRICE, "product of the legs' prices, as if independent", unit="USD"),
        Column(
            "product_reason",
            T.TEXT,
            "why there is no product: legs_unknown, leg_not_held, scalar_leg, unknown_event, shared_event, same_game, "
            "no_price",
        ),
        Column("leg_product_at_creation", T.EXACT_PRICE, "product of the legs' prices at creation", unit="USD"),
        Column("creation_reason", T.TEXT, "why there is no product at creation; words as in product_reason"),
        Column("lower_bound", T.PRICE, "max(0, sum of leg bids - (legs - 1))", unit="USD"),
        Column("upper_bound", T.PRICE, "smallest leg ask", unit="USD"),
        Column("bounds_reason", T.TEXT, "why a bound is missing: legs_unknown, leg_not_held, no_leg_ask"),
        Column("quote_spread_seconds", T.STAT, "time from the oldest to the newest quote of combo and legs", unit="s"),
        Column("is_bid_above_upper", T.BOOL, "set even with no_verdict; NULL without bid or bound"),
        Column("is_ask_above_upper", T.BOOL, "set even with no_verdict; NULL without ask or bound"),
        Column("is_ask_below_lower", T.BOOL, "set even with no_verdict; NULL without ask or bound"),
        Column(
            "verdict",
            T.TEXT,
            "violation (bid above the upper bound or ask below the lower one), overpriced_quote (only the ask is "
            "above), consistent, no_verdict",
            nullable=False,
        ),
        Column(
            "verdict_reason",
            T.TEXT,
            "why: legs_unknown, leg_not_held, scalar_leg, not_trading, leg_not_trading, no_quote, one_sided, "
            "leg_without_quote, crossed_quotes, stale_quotes (more than 60 s apart)",
        ),
        _PAYOUT,
        Column(
            "legs_payout", T.EXACT_PRICE, "product of the legs' final payouts; NULL until all are known", unit="USD"
        ),
    ),
    key=("instrument_id",),
    partition_by=(),
    sort_by=("instrument_id",),
    rules=(
        Rule("verdict is known", "verdict IN ('violation', 'overpriced_quote', 'consistent', 'no_verdict')"),
        Rule("a refusal has a reason", "(verdict = 'no_verdict') = (verdict_reason IS NOT NULL)"),
        _either("leg_product", "product_reason"),
        _either("leg_product_at_creation", "creation_reason"),
        Rule("a missing bound has a reason", "upper_bound IS NOT NULL OR bounds_reason IS NOT NULL"),
        in_unit("leg_product"),
        in_unit("lower_bound"),
        in_unit("upper_bound"),
    ),
    indexes=(("verdict",), ("collection_id",)),
)

PARLAY_TABLES = (PARLAYS, PARLAY_LEGS, PARLAY_VALUES)
