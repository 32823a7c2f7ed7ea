"""Raw tables: what the venues said, as served, append-only.

Belongs here: tables whose rows are payloads. Nothing here is interpreted.
"""

from __future__ import annotations

from echelon_pipeline.tables.schema import Column, T, Table

RAW_OBJECTS = Table(
    name="raw.objects",
    about="One row is one JSON object of one answer, exactly as the venue served it.",
    grain="one object of one page of one request",
    columns=(
        Column("venue", T.TEXT, "polymarket or kalshi", nullable=False),
        Column("endpoint", T.TEXT, "the payload kind, e.g. markets, trades, candlesticks", nullable=False),
        Column("date", T.DATE, "UTC day of received_at", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work that fetched it; sorts by time", nullable=False),
        Column("request", T.TEXT, "path and query, without host and credentials", nullable=False),
        Column("page", T.INT, "page number within the unit, from 0", nullable=False),
        Column("position", T.INT, "position within the page, from 0", nullable=False),
        Column("received_at", T.TIME, "our clock when the answer had arrived", nullable=False),
        Column("object_key", T.TEXT, "the venue's id of the object where it has one"),
        Column("sha256", T.TEXT, "of the payload bytes, hex", nullable=False),
        Column("payload", T.TEXT, "the object's JSON text as served", nullable=False),
        Column("context", T.TEXT, "JSON of what the answer says outside the object, e.g. the ticker"),
        Column("parser_version", T.INT, "version of the parsers when it was stored", nullable=False),
    ),
    key=("venue", "endpoint", "unit_id", "page", "position"),
    partition_by=("venue", "endpoint", "date"),
    sort_by=("unit_id", "page", "position"),
    append_only=True,
    published=False,
)

RAW_LAST_SEEN = Table(
    name="raw.last_seen",
    about="One row is one version of a listed object and when it was first and last served.",
    grain="one (object, sha256) of a listing endpoint",
    columns=(
        Column("venue", T.TEXT, "polymarket or kalshi", nullable=False),
        Column("endpoint", T.TEXT, "the payload kind", nullable=False),
        Column("bucket", T.INT, "hash bucket of object_key, 0..15", nullable=False),
        Column("object_key", T.TEXT, "the venue's id of the object", nullable=False),
        Column("sha256", T.TEXT, "of the latest payload, hex", nullable=False),
        Column("first_seen_at", T.TIME, "when this version was first served", nullable=False),
        Column("last_seen_at", T.TIME, "when this version was last served", nullable=False),
    ),
    key=("venue", "endpoint", "object_key"),
    partition_by=("venue", "bucket"),
    sort_by=("endpoint", "object_key"),
    newest="last_seen_at",
    published=False,
)

RAW_TABLES = (RAW_OBJECTS, RAW_LAST_SEEN)
