"""The schema registry: every table of the lake, once.

It types the lake, runs as rules before every commit, and generates Dagster column metadata and the
table catalogue. Belongs here: what a table *is*. How rows come about is in ``sql/`` and ``ingest/``.
"""

from echelon_pipeline.tables.book_marts import BOOK_MARTS
from echelon_pipeline.tables.books import BOOK_TABLES
from echelon_pipeline.tables.builders import BUILDER_TABLES
from echelon_pipeline.tables.derived import DERIVED_TABLES
from echelon_pipeline.tables.instruments import INSTRUMENT_TABLES
from echelon_pipeline.tables.marts import MART_BUILDS, MART_TABLES
from echelon_pipeline.tables.overview import OVERVIEW_TABLES
from echelon_pipeline.tables.own import OWN_TABLES
from echelon_pipeline.tables.parlays import PARLAY_TABLES
from echelon_pipeline.tables.quality import QUALITY_TABLES
from echelon_pipeline.tables.raw import RAW_TABLES
from echelon_pipeline.tables.records import RECORD_TABLES
from echelon_pipeline.tables.schema import Column, Rule, T, Table
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
        *PARLAY_TABLES,
        *OVERVIEW_TABLES,
        *TREND_TABLES,
        *BUILDER_TABLES,
        *QUALITY_TABLES,
        *BOOK_TABLES,
        *OWN_TABLES,
        *BOOK_MARTS,
    )
}

__all__ = ["TABLES", "Column", "Rule", "T", "Table"]
