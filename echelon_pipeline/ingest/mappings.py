"""Maps the columns of a bulk file to the fields of each importable table.

Belongs here: the SQL that gives every field of a row as text. ``bulk_paths.py`` locates columns, ``presets.py`` lists
known data sets, ``sql/import/tables`` types the rows.

Units come from a field's name, never from magnitude: ``price`` is in dollars, ``price_cents`` in cents; ``event_at`` is
a text, ``event_at_epoch_s``, ``_ms``, ``_us`` and ``_ns`` are numbers since 1970.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_paths import Layout, Place
from echelon_pipeline.sqltools.text import literal, quote

# Microseconds in one of each unit; nanoseconds are cut to the microsecond.
EPOCHS = {"_epoch_s": "1000000", "_epoch_ms": "1000", "_epoch_us": "1", "_epoch_ns": "0.001"}
CENTS = "_cents"
_UNITS = (CENTS, *EPOCHS)
# Fields whose value may be a list or an object; all others are a single text.
LISTS = frozenset({"token_ids", "labels"})
_OBJECTS = frozenset({"external_ref"})
# A boolean is read as a status only by its column's name: closed, isClosed, is_closed …
_STATUS_FLAGS = {"closed": "is_closed", "resolved": "is_resolved", "active": "is_active", "settled": "is_resolved"}


@dataclass(frozen=True)
class Target:
    """An importable table. ``needs``: groups of fields; at least one field of each group is required."""

    table: str
    needs: tuple[tuple[str, ...], ...]
    texts: tuple[str, ...]
    prices: tuple[str, ...] = ()
    times: tuple[str, ...] = ("observed_at",)

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field, in its plain unit."""
        return ("venue", "fault", *self.texts, *self.prices, *self.times)

    def accepted(self) -> frozenset[str]:
        """Every name that a mapping or preset may give, with the suffixes of units."""
        cents = (price + CENTS for price in self.prices)
        epochs = (time + unit for time in self.times for unit in EPOCHS)
        return frozenset((*self.fields, *cents, *epochs))


_INSTRUMENT = ("instrument", "token_id")
_OUTCOME = ("outcome_index", "outcome")
# Fields that are joined with the lake, or where a label may be given.
_JOINED = (*_INSTRUMENT, *_OUTCOME, "result", "side")
TARGETS: dict[str, Target] = {
    "trades": Target(
        "core.trades",
        (_INSTRUMENT, ("event_at",), ("price", "price_0"), ("size",)),
        (
            *(
                *_INSTRUMENT,
                *_OUTCOME,
                "size",
                "side",
                "transaction_hash",
                "trader",
                "counterparty",
                "role",
                "trade_id",
            ),
            "is_block_trade",
        ),
        ("price", "price_0"),
        ("event_at", "observed_at"),
    ),
    "daily-prices": Target(
        "core.daily_prices",
        (_INSTRUMENT, ("date", "closes_at"), ("close", "bid_close", "ask_close")),
        (*_INSTRUMENT, *_OUTCOME, "date", "volume", "trades", "open_interest", "price_source", "grain_seconds"),
        ("open", "high", "low", "close", "previous_close", "bid_close", "ask_close"),
        ("closes_at", "observed_at"),
    ),
    "resolutions": Target(
        "core.resolutions",
        (_INSTRUMENT, ("result", "payout", "payout_0")),
        (*_INSTRUMENT, "result", "payout_text", "expiration_value"),
        ("payout", "payout_0", "payout_1"),
        ("resolved_at", "ended_at", "observed_at"),
    ),
    "instruments": Target(
        "core.instruments",
        (("instrument",), ("status", "is_closed", "is_resolved", "is_active")),
        (
            *("instrument", "event", "series", "slug", "title", "sub_title", "market_type", "status"),
            *("is_closed", "is_resolved", "is_active", "is_combo", "outcome_count"),
            *("category", "strike_type", "floor_strike", "cap_strike", "rules", "external_ref"),
        ),
        (),
        ("created_at", "opens_at", "closes_at", "settled_at", "observed_at"),
    ),
    "events": Target(
        "core.events",
        (("event",),),
        ("event", "series", "slug", "title", "sub_title", "category", "is_mutually_exclusive"),
        (),
        ("starts_at", "ends_at", "strike_at", "observed_at"),
    ),
    "outcomes": Target(
        "core.outcomes",
        (("instrument",), ("outcome_index", "token_ids", "labels")),
        (*_INSTRUMENT, "outcome_index", "label", "token_ids", "labels"),
    ),
    "quotes": Target(
        "core.instrument_quotes",
        (_INSTRUMENT, ("observed_at",)),
        (
            *(*_INSTRUMENT, *_OUTCOME, "best_bid_size", "best_ask_size", "volume", "volume_24h", "volume_usd"),
            *("volume_24h_usd", "liquidity_usd", "open_interest", "open_interest_usd"),
        ),
        ("best_bid", "best_ask", "other_bid", "other_ask", "last_price"),
    ),
}


@dataclass(frozen=True)
class Shape:
    """Turns a file's rows into fields: ``query`` over ``file_rows``, the ``layout`` of the rows, the defaults.

    ``flat``: members are merged into the objects around them, as presets read them. ``keep``: lists around the members
    that the query reads.
    """

    query: str
    layout: Layout
    source: str | None = None
    naive_tz: str | None = None
    flat: bool = False
    keep: tuple[Place, ...] = ()


def target_of(table: str) -> Target:
    """The importable table of a name (``trades``, ``daily-prices`` …). Raises BadImport for an unknown name."""
    if table not in TARGETS:
        raise BadImport(f"{table!r} cannot be imported{near(table, TARGETS)}; known are {', '.join(TARGETS)}")
    return TARGETS[table]


def mapped_shape(
    connection: duckdb.DuckDBPyConnection, table: str, mapping: Mapping[str, str], layout: Layout
) -> Shape:
    """The shape of a mapping ``field -> column``; ``=text`` is a literal, ``a.b`` a key inside of an object.

    Where a record lacks the columns and the members of one of its lists have them, each member is a row.
    Raises BadImport naming the file for unknown fields, missing fields and missing columns.
    """
    target = target_of(table)
    _check_fields(table, target, mapping, layout)
    read = {field: column for field, column in mapping.items() if not column.startswith("=")}
    layout, places = _places(connection, read, layout)
    flag = _STATUS_FLAGS.get(re.sub(r"[^a-z]|^is", "", read.get("status", "").split(".")[-1].lower()))
    if flag and flag not in mapping:
        read[flag], places[flag] = read["status"], places["status"]
    order = list(read)
    paths = ", ".join(literal(layout.json_path(places[field])) for field in order)
    parts = [_value(field, i, read) for i, field in enumerate(order, start=1)]
    parts += [f"{literal(text[1:])} AS {quote(field)}" for field, text in mapping.items() if text.startswith("=")]
    values = f"json_extract_string(payload, [{paths}])" if order else "[]"
    return Shape(
        f"SELECT row_no, sha, {', '.join(parts)} FROM (SELECT row_no, sha, {values} AS v FROM file_rows)",
        layout,
        keep=tuple(places.values()),
    )


def fields_query(target: Target, given: Iterable[str]) -> str:
    """Every field of the target as text in its plain unit, from the relation ``given_fields``."""
    names = set(given)
    unknown = sorted(names - target.accepted() - {"row_no", "sha", "item"})
    if unknown:
        raise BadImport(f"{target.table} has no field {', '.join(unknown)}")
    parts = ["row_no", "sha", "item" if "item" in names else "CAST(NULL AS INTEGER) AS item"]
    # Files write an empty text for a missing value.
    parts += [f"nullif(CAST({_given(f, names)} AS VARCHAR), '') AS {quote(f)}" for f in target.fields if f != "venue"]
    parts += [f"CAST(NULL AS VARCHAR) AS {name}" for name in _JOINED if name not in target.fields]
    venue = "lower(venue)" if "venue" in names else "NULL"
    parts.append(f"coalesce({venue}, CAST(getvariable('import_venue') AS VARCHAR)) AS venue")
    return f"SELECT {', '.join(parts)} FROM given_fields"


def plain(field: str) -> str:
    """A field without the suffix of its unit."""
    return next((field.removesuffix(unit) for unit in _UNITS if field.endswith(unit)), field)


def units(target: Target, field: str) -> tuple[str, ...]:
    """Every name under which a field may be given."""
    if field in target.times:
        return (field, *(field + unit for unit in EPOCHS))
    return (field, field + CENTS) if field in target.prices else (field,)


def near(name: str, known: Iterable[str]) -> str:
    """A hint at the closest known name, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {found[0]}?)" if found else ""


def suggest(names: Iterable[str], columns: Iterable[str]) -> str:
    """A hint at the columns closest to some names, or nothing."""
    known = list(columns)
    found = {m for name in names for m in difflib.get_close_matches(name, known, n=1, cutoff=0.5)}
    return f"; closest: {', '.join(sorted(found))}" if found else ""


def _check_fields(table: str, target: Target, mapping: Mapping[str, str], layout: Layout) -> None:
    for field in mapping:
        if field not in target.accepted():
            known = [name for name in (*target.times, *target.prices) if field.startswith(f"{name}_")]
            hint = f"; units of {known[0]} are {', '.join(units(target, known[0]))}" if known else ""
            raise BadImport(f"{layout.path}: {table} has no field {field!r}{hint or near(field, target.accepted())}")
    given = [plain(field) for field in mapping]
    for field in given:
        if given.count(field) > 1:
            twice = ", ".join(name for name in mapping if plain(name) == field)
            raise BadImport(f"{layout.path}: the mapping gives {field} in two units: {twice}")
    missing = [" or ".join(group) for group in target.needs if not set(given) & set(group)]
    if missing:
        raise BadImport(
            f"{layout.path}: {table} needs {', '.join(missing)}; columns found: {', '.join(layout.columns)}"
            f"{suggest(missing, layout.columns)}"
        )


def _places(
    connection: duckdb.DuckDBPyConnection, read: Mapping[str, str], layout: Layout
) -> tuple[Layout, dict[str, Place]]:
    """Finds every mapped column; opens the list that has them."""
    if not layout.each and any(layout.find(column) is None for column in read.values()):
        fitting = layout.fitting(read.values())
        if len(fitting) > 1:
            lists = " and of ".join(found.names[-1] for found in fitting)
            raise BadImport(f"{layout.path}: members of {lists} have these columns: choose one with --each")
        layout = fitting[0] if fitting else layout
    found = {field: layout.find(column) or layout.find_anywhere(connection, column) for field, column in read.items()}
    _refuse_missing(layout, {field: read[field] for field, place in found.items() if place is None})
    places = {field: place for field, place in found.items() if place is not None}
    for field, place in places.items():
        where = f"{layout.path}: {read[field]} (for {field})"
        if place.kind == "list" and field not in LISTS:
            raise BadImport(f"{where} is a list: --each {read[field]} makes one row per member")
        if place.kind == "object" and field not in _OBJECTS:
            raise BadImport(f"{where} is an object; name one of its keys: {', '.join(place.inner)}")
    return layout, places


def _refuse_missing(layout: Layout, missing: Mapping[str, str]) -> None:
    if missing:
        named = ", ".join(f"{column} (for {field})" for field, column in missing.items())
        raise BadImport(
            f"{layout.path}: has no column {named}; columns found: {', '.join(layout.columns)}"
            f"{suggest(missing.values(), layout.columns)}{'' if layout.each else layout.lists_hint()}"
        )


def _value(field: str, place: int, read: Mapping[str, str]) -> str:
    value = f"v[{place}]"
    if field == "status" and any(read.get(flag) == read["status"] for flag in _STATUS_FLAGS.values()):
        value = f"CASE WHEN import_flag({value}) IS NULL THEN {value} END"  # the flag's field has the boolean
    elif field in _STATUS_FLAGS.values() and read.get("status") == read[field]:
        value = f"CASE WHEN import_flag({value}) IS NOT NULL THEN {value} END"
    return f"{value} AS {quote(field)}"


def _given(field: str, names: set[str]) -> str:
    if f"{field}{CENTS}" in names:
        return f"import_cents({quote(field + CENTS)})"
    for unit, micros in EPOCHS.items():
        if field + unit in names:
            return f"import_epoch({quote(field + unit)}, {micros})"
    return quote(field) if field in names else "NULL"
