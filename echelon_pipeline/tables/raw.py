"""Raw tables: payloads exactly as the venues served them, append-only.

Belongs here: tables of payloads and of the pages that delivered them. Payloads are not interpreted here.
"""

from __future__ import annotations

from echelon_pipeline.tables.schema import OF_VENUES, Column, Feeder, T, Table

RAW_OBJECTS = Table(
    name="raw.objects",
    fed_by=(Feeder.LISTINGS, *sorted(OF_VENUES - {Feeder.LISTINGS, Feeder.BOOKS})),
    about="One row is one JSON object of one answer, exactly as the venue served it.",
    grain="one object of one page of one request",
    columns=(
        Column("venue", T.TEXT, "name of the venue", nullable=False),
        Column("endpoint", T.TEXT, "the payload kind, e.g. markets, trades, candlesticks", nullable=False),
        Column("date", T.DATE, "UTC day of received_at", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work that fetched it; sorts by time", nullable=False),
        Column("request", T.TEXT, "path and query, without host and credentials", nullable=False),
        Column("page", T.INT, "page number within the unit, from 0", nullable=False),
        Column("position", T.INT, "position within the page, from 0", nullable=False),
        Column("received_at", T.TIME, "when the answer had arrived, by our clock", nullable=False),
        Column("object_key", T.TEXT, "the venue's id of the object, if it has one"),
        Column("sha256", T.TEXT, "of the payload bytes, hex", nullable=False),
        Column("payload", T.TEXT, "the object's JSON text as served", nullable=False),
        Column("context", T.TEXT, "JSON of facts in the answer outside the object, e.g. the ticker"),
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
    fed_by=(Feeder.LISTINGS,),
    reported_with="core.instruments",
    about="One row is one version of a listed object and when it was first and last served.",
    grain="one (object, sha256) of a listing endpoint",
    columns=(
        Column("venue", T.TEXT, "name of the venue", nullable=False),
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

RAW_PAGES = Table(
    name="raw.pages",
    fed_by=(Feeder.UNITS,),
    about="One row is one page whose rows a unit of work committed: what was requested, and which rows were kept.",
    grain="unit, page, commit that took rows of it",
    columns=(
        Column("venue", T.TEXT, "name of the venue", nullable=False),
        Column("table_name", T.TEXT, "the table of its rows", nullable=False),
        Column("unit_id", T.TEXT, "the unit of work that fetched it; sorts by time", nullable=False),
        Column("page", T.INT, "page number within the unit, from 0", nullable=False),
        Column("objects", T.BIGINT, "objects of the page in raw.objects", nullable=False),
        Column("scope", T.TEXT, "the requested builder code, or the source of payouts"),
        Column("instrument_ids", T.TEXTS, "the requested instruments; NULL: all instruments of the venue"),
        Column("from_at", T.TIME, "lower limit of the times of its rows, inclusive", nullable=False),
        Column("to_at", T.TIME, "upper limit of the times of its rows, exclusive", nullable=False),
        Column("low_at", T.TIME, "the oldest readable time on the page, if its rows have times"),
        Column("high_at", T.TIME, "the newest readable time on the page"),
        Column("begin_at", T.TIME, "begin of the requested interval: older rows were not kept", nullable=False),
        Column("end_at", T.TIME, "end of the requested interval, exclusive: newer rows were not kept", nullable=False),
        Column("kept_from_at", T.TIME, "rows of the walk from this time on had been kept by then", nullable=False),
        Column("rows", T.BIGINT, "minimum number of rows of the commit that belong to the page", nullable=False),
    ),
    key=("unit_id", "page", "kept_from_at"),
    partition_by=("venue", "table_name"),
    sort_by=("unit_id", "page"),
    append_only=True,
    published=False,
)

RAW_TABLES = (RAW_OBJECTS, RAW_LAST_SEEN, RAW_PAGES)
