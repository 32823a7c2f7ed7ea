"""Marts: the mart of traded volume, and the record of the builds of all marts.

Belongs here: these two tables; other marts have modules of their own by subject. Units as in ``trading.py``; ratios
and statistics are DOUBLE.
"""

from __future__ import annotations

from echelon_pipeline.tables.columns import DATE, INSTRUMENT, VENUE
from echelon_pipeline.tables.schema import Column, Cycle, Feeder, Rule, T, Table

MART_BUILDS = Table(
    name="core.mart_builds",
    fed_by=(Feeder.REFRESH,),
    mirrored=False,
    about="One row is the last time when a part of a mart was checked, found stale, built, or kept its last version.",
    version=2,
    grain="table_name, part, kind",
    columns=(
        Column("table_name", T.TEXT, "the mart or derived table", nullable=False),
        Column("part", T.TEXT, "a UTC day, or all", nullable=False),
        Column(
            "kind",
            T.TEXT,
            "checked (up to which input versions), wanted (found stale), built; failed or emptied (the mart keeps its "
            "last version: it failed, it reads one that failed, or it would become empty although its inputs have "
            "rows)",
            nullable=False,
        ),
        Column("inputs", T.TEXT, "JSON: table id and version of each input that was read", is_json=True),
        Column("code", T.TEXT, "hash of the statement and its settings (built)"),
        Column("rows", T.BIGINT, "rows of the part (built)"),
        Column("run_id", T.TEXT, "the run that wrote the record"),
        Column("pinned_at", T.TIME, "real time when the inputs were pinned", nullable=False),
        Column("reason", T.TEXT, "why the mart keeps its last version (failed, emptied); NULL after it was built"),
    ),
    key=("table_name", "part", "kind"),
    partition_by=("table_name",),
    sort_by=("part", "kind"),
    newest="pinned_at",
    rules=(Rule("kind is known", "kind IN ('checked', 'wanted', 'built', 'failed', 'emptied')"),),
)

TRADE_VOLUME = Table(
    name="mart.trade_volume",
    cycle=Cycle.DAY,
    about="One row is one instrument's traded volume on one UTC day, counted from trades: safe to sum.",
    version=2,
    grain="instrument, date",
    columns=(
        VENUE,
        DATE,
        INSTRUMENT,
        Column("contracts", T.SIZE, "traded, block trades included", unit="contracts"),
        Column("taker_notional_usd", T.MONEY, "sum of price x size of the traded outcomes", unit="USD"),
        Column("trades", T.BIGINT, "number of prints", nullable=False),
        Column("traders", T.BIGINT, "distinct takers; NULL if the venue does not publish them"),
        Column("average_size", T.STAT, "contracts per print", unit="contracts"),
        Column("bought_0", T.SIZE, "contracts whose taker bought outcome 0 or sold outcome 1", unit="contracts"),
        Column("sold_0", T.SIZE, "contracts whose taker sold outcome 0 or bought outcome 1", unit="contracts"),
        Column("taker_imbalance", T.STAT, "(bought_0 - sold_0) / (bought_0 + sold_0); NULL if both are 0"),
        Column("largest_size", T.SIZE, "largest print", nullable=False, unit="contracts"),
        Column("largest_notional_usd", T.MONEY, "largest print by notional", nullable=False, unit="USD"),
        Column("largest_trade_id", T.TEXT, "trade_id of the largest print by notional", nullable=False),
        Column("block_contracts", T.SIZE, "contracts of block trades, negotiated off the book", unit="contracts"),
        Column("identity", T.TEXT, "strong; weak if there are only imports without ids", nullable=False),
        Column("is_complete", T.BOOL, "every trade of this instrument and day was read", nullable=False),
        Column("unread_rows", T.BIGINT, "rows of the day that could not be read and may belong to this instrument"),
        Column("incomplete_reason", T.TEXT, "why is_complete is false"),
    ),
    key=("instrument_id", "date"),
    partition_by=("date",),
    sort_by=("instrument_id",),
    rules=(
        Rule("contracts are positive", "contracts IS NULL OR contracts > 0"),
        Rule("taker_imbalance lies in -1..1", "taker_imbalance IS NULL OR taker_imbalance BETWEEN -1 AND 1"),
        Rule(
            "bought and sold are no more than traded",
            "contracts IS NULL OR CAST(bought_0 AS DECIMAL(19, 6)) + sold_0 <= contracts",
        ),
        Rule(
            "a complete day has its totals",
            "NOT is_complete OR (contracts IS NOT NULL AND taker_notional_usd IS NOT NULL)",
        ),
        Rule("what is not complete has a reason", "is_complete OR incomplete_reason IS NOT NULL"),
    ),
    indexes=(("date",),),
)

MART_TABLES: tuple[Table, ...] = (TRADE_VOLUME,)
