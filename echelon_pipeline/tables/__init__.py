"""The schema registry: the single definition of every table of the lake.

    schema.py        the classes: columns, key, rules, feeders, merge policy, audience of a table
    columns.py       columns and rules that several tables share
    raw.py           payloads
    instruments.py   series, events, instruments, outcomes, quotes
    trading.py       daily prices, trades, fills, resolutions
    parlays.py       combos and their legs
    builders.py      the builder programme
    builder_report.py  the report of builder codes, and its final months
    agents.py        agents, and figures by agent (private)
    books.py         order books
    listeners.py     listeners and their intents
    own.py           quotes and account events of streams
    records.py       windows, dead letters, drift
    derived.py       categories and display names
    marts.py         marts of traded volume, and the record of builds
    daily.py         one row per instrument and day
    overview.py      the overview of instruments
    trends.py        marts of prices
    quality.py       marts about the data itself
    book_marts.py    marts of order books

The registry defines the types of the lake and the rules that run before every commit; Dagster column metadata and the
table catalogue are generated from it. Belongs here: the definition of a table. ``sql/`` and ``ingest/`` make its
rows.
"""

from echelon_pipeline.tables.agents import AGENT_TABLES
from echelon_pipeline.tables.book_marts import BOOK_MARTS
from echelon_pipeline.tables.books import BOOK_TABLES
from echelon_pipeline.tables.builder_report import BUILDER_REPORT_TABLES
from echelon_pipeline.tables.builders import BUILDER_TABLES
from echelon_pipeline.tables.daily import DAILY_TABLES
from echelon_pipeline.tables.derived import DERIVED_TABLES
from echelon_pipeline.tables.instruments import INSTRUMENT_TABLES
from echelon_pipeline.tables.listeners import LISTENER_TABLES
from echelon_pipeline.tables.marts import MART_BUILDS, MART_TABLES
from echelon_pipeline.tables.overview import OVERVIEW_TABLES
from echelon_pipeline.tables.own import OWN_TABLES
from echelon_pipeline.tables.parlays import PARLAY_TABLES
from echelon_pipeline.tables.quality import QUALITY_TABLES
from echelon_pipeline.tables.raw import RAW_TABLES
from echelon_pipeline.tables.records import RECORD_TABLES
from echelon_pipeline.tables.schema import OF_VENUES, Column, Cycle, Feeder, Rule, T, Table
from echelon_pipeline.tables.trading import TRADING_TABLES
from echelon_pipeline.tables.trends import TREND_TABLES

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *RAW_TABLES,
        *INSTRUMENT_TABLES,
        *TRADING_TABLES,
        *RECORD_TABLES,
        *DERIVED_TABLES,
        MART_BUILDS,
        *MART_TABLES,
        *DAILY_TABLES,
        *PARLAY_TABLES,
        *OVERVIEW_TABLES,
        *TREND_TABLES,
        *BUILDER_TABLES,
        *BUILDER_REPORT_TABLES,
        *AGENT_TABLES,
        *QUALITY_TABLES,
        *BOOK_TABLES,
        *LISTENER_TABLES,
        *OWN_TABLES,
        *BOOK_MARTS,
    )
}

# Tables that one unit of work commits, in their order: a table comes after those whose rows it is enriched with.
COMMIT_ORDER = tuple(sorted((n for n, t in TABLES.items() if t.commit_order), key=lambda n: TABLES[n].commit_order))


def fed_by(feeder: Feeder, schema: str = "core") -> tuple[str, ...]:
    """Tables whose first feeder is the given one."""
    return tuple(n for n, t in TABLES.items() if t.fed_by[0] is feeder and t.schema_name == schema)


def daily_tables() -> list[str]:
    """Tables that feeders of venues read by UTC day."""
    return [n for n, t in TABLES.items() if t.cycle is Cycle.DAY and t.fed_by[0] in OF_VENUES]


__all__ = [
    "COMMIT_ORDER",
    "OF_VENUES",
    "TABLES",
    "Column",
    "Cycle",
    "Feeder",
    "Rule",
    "T",
    "Table",
    "daily_tables",
    "fed_by",
]
