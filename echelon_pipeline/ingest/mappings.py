"""What the columns of a bulk file mean: mappings given by hand, and presets of known data sets.

Belongs here: the fields of each importable table, and the SQL that gives every field of a row as text. The
typed tables are made in ``sql/import/tables``; presets are ``sql/import/presets/<name>/<table>.sql``.

Units come from a field's name, never from magnitude: ``price`` is in dollars, ``price_cents`` in cents;
``event_at`` is a text, ``event_at_epoch_s`` and ``event_at_epoch_ms`` are numbers since 1970.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from echelon_pipeline.errors import BadImport
from echelon_pipeline.settings import project_file
from echelon_pipeline.sqlfiles import Statement, statement
from echelon_pipeline.tables import quote
from echelon_pipeline.warehouse.duck import literal


@dataclass(frozen=True)
class Target:
    """An importable table. ``needs``: groups of fields of which at least one must be given."""

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
        cents = (f"{p}_cents" for p in self.prices)
        epochs = (f"{t}_epoch_{unit}" for t in self.times for unit in ("s", "ms"))
        return frozenset((*self.fields, *cents, *epochs))


_WHO = ("instrument", "token_id")
_JOINED = (*_WHO, "result")  # what known outcomes are looked up by
TARGETS: dict[str, Target] = {
    "trades": Target(
        "core.trades",
        (_WHO, ("event_at",), ("price", "price_0"), ("size",)),
        (*_WHO, "size", "side", "outcome_index", "transaction_hash", "trader", "trade_id", "is_block_trade"),
        ("price", "price_0"),
        ("event_at", "observed_at"),
    ),
    "daily-prices": Target(
        "core.daily_prices",
        (_WHO, ("date", "closes_at"), ("close", "bid_close", "ask_close")),
        (*_WHO, "outcome_index", "date", "volume", "trades", "open_interest", "price_source", "grain_seconds"),
        ("open", "high", "low", "close", "previous_close", "bid_close", "ask_close"),
        ("closes_at", "observed_at"),
    ),
    "resolutions": Target(
        "core.resolutions",
        (_WHO, ("result", "payout", "payout_0")),
        (*_WHO, "result", "payout_text", "expiration_value"),
        ("payout", "payout_0", "payout_1"),
        ("resolved_at", "ended_at", "observed_at"),
    ),
    "instruments": Target(
        "core.instruments",
        (("instrument",), ("status",)),
        (
            *(
                "instrument",
                "event",
                "series",
                "slug",
                "title",
                "sub_title",
                "market_type",
                "status",
                "is_combo",
                "outcome_count",
            ),
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
        "core.outcomes", (("instrument",), ("outcome_index",)), (*_WHO, "outcome_index", "label"), (), ("observed_at",)
    ),
    "quotes": Target(
        "core.instrument_quotes",
        (_WHO, ("observed_at",)),
        (
            *(*_WHO, "outcome_index", "best_bid_size", "best_ask_size", "volume", "volume_24h", "volume_usd"),
            *("volume_24h_usd", "liquidity_usd", "open_interest", "open_interest_usd"),
        ),
        ("best_bid", "best_ask", "other_bid", "other_ask", "last_price"),
    ),
}


@dataclass(frozen=True)
class Shape:
    """How a file's records become fields: ``query`` over ``file_rows``, the ``given`` names, the defaults."""

    query: str
    given: frozenset[str]
    source: str | None = None
    naive_tz: str | None = None


def target_of(table: str) -> Target:
    """The importable table of that name (``trades``, ``daily-prices`` …). Raises BadImport for another name."""
    if table not in TARGETS:
        raise BadImport(f"{table!r} cannot be imported{_near(table, TARGETS)}; known are {', '.join(TARGETS)}")
    return TARGETS[table]


def presets() -> dict[str, tuple[str, ...]]:
    """Names of the presets, each with the tables that it loads."""
    root = project_file("sql", "import", "presets")
    return {
        folder.name: tuple(sorted(f.stem.replace("_", "-") for f in folder.glob("*.sql")))
        for folder in sorted(root.iterdir())
    }


def preset_shape(path: Path, table: str, preset: str, columns: Iterable[str]) -> Shape:
    """The shape of a preset. Raises BadImport where the preset is unknown or the file lacks its columns."""
    known = presets()
    if preset not in known:
        raise BadImport(f"there is no preset {preset!r}{_near(preset, known)}; known are {', '.join(known)}")
    if table not in known[preset]:
        raise BadImport(f"preset {preset} loads {', '.join(known[preset])}, not {table}")
    found: Statement = statement(f"import/presets/{preset}/{table.replace('-', '_')}")
    wanted = [c.strip() for c in found.header["columns"].split(",")]
    _check_columns(path, {c: c for c in wanted}, tuple(columns))
    return Shape(found.text, frozenset(), found.header["source"], found.header.get("naive_tz"))


def mapped_shape(path: Path, table: str, mapping: Mapping[str, str], columns: Iterable[str]) -> Shape:
    """The shape that ``field -> column`` gives; ``=text`` is a literal, ``a.b`` a key inside a JSON column.

    Raises BadImport naming the file for unknown fields, missing fields and missing columns.
    """
    target = target_of(table)
    columns = tuple(columns)
    for field in mapping:
        if field not in target.accepted():
            raise BadImport(f"{path}: {table} has no field {field!r}{_near(field, target.accepted())}")
    plain = {_plain(field) for field in mapping}
    missing = [" or ".join(group) for group in target.needs if not plain & set(group)]
    if missing:
        raise BadImport(
            f"{path}: {table} needs {', '.join(missing)}; columns found: {', '.join(columns)}"
            f"{_suggest(missing, columns)}"
        )
    read = {field: column for field, column in mapping.items() if not column.startswith("=")}
    _check_columns(path, read, columns)
    order = list(read)
    paths = ", ".join(literal(json_path(read[field], columns)) for field in order)
    parts = [f"v[{i}] AS {quote(field)}" for i, field in enumerate(order, start=1)]
    parts += [f"{literal(text[1:])} AS {quote(field)}" for field, text in mapping.items() if text.startswith("=")]
    return Shape(
        f"SELECT row_no, sha, {', '.join(parts)} FROM "
        f"(SELECT row_no, sha, json_extract_string(payload, [{paths}]) AS v FROM file_rows)",
        frozenset(mapping),
    )


def fields_query(target: Target, given: Iterable[str]) -> str:
    """Every field of the target as text in its plain unit, from the relation ``given_fields``."""
    names = set(given)
    unknown = sorted(names - target.accepted() - {"row_no", "sha", "item"})
    if unknown:
        raise BadImport(f"{target.table} has no field {', '.join(unknown)}")
    parts = ["row_no", "sha", "item" if "item" in names else "CAST(NULL AS INTEGER) AS item"]
    parts += [f"CAST({_given(f, names)} AS VARCHAR) AS {quote(f)}" for f in target.fields if f != "venue"]
    parts += [f"CAST(NULL AS VARCHAR) AS {name}" for name in _JOINED if name not in target.fields]
    venue = "lower(venue)" if "venue" in names else "NULL"
    parts.append(f"coalesce({venue}, CAST(getvariable('import_venue') AS VARCHAR)) AS venue")
    return f"SELECT {', '.join(parts)} FROM given_fields"


def json_path(column: str, columns: Iterable[str]) -> str:
    """The JSON path of a column: itself where the file has it, else keys inside the part before the first dot."""
    keys = [column] if column in set(columns) else column.split(".")
    return "$" + "".join('."' + key.replace('"', '\\"') + '"' for key in keys)


def _given(field: str, names: set[str]) -> str:
    if f"{field}_cents" in names:
        return f"import_cents({quote(field + '_cents')})"
    if f"{field}_epoch_s" in names:
        return f"import_epoch({quote(field + '_epoch_s')}, 1000000)"
    if f"{field}_epoch_ms" in names:
        return f"import_epoch({quote(field + '_epoch_ms')}, 1000)"
    return quote(field) if field in names else "NULL"


def _plain(field: str) -> str:
    for suffix in ("_cents", "_epoch_s", "_epoch_ms"):
        field = field.removesuffix(suffix)
    return field


def _check_columns(path: Path, wanted: Mapping[str, str], columns: tuple[str, ...]) -> None:
    missing = {f: c for f, c in wanted.items() if c not in columns and c.split(".")[0] not in columns}
    if missing:
        named = ", ".join(c if f == c else f"{c} (for {f})" for f, c in missing.items())
        raise BadImport(
            f"{path}: has no column {named}; columns found: {', '.join(columns)}{_suggest(missing.values(), columns)}"
        )


def _suggest(names: Iterable[str], columns: tuple[str, ...]) -> str:
    near = {m for name in names for m in difflib.get_close_matches(name, columns, n=1, cutoff=0.5)}
    return f"; closest: {', '.join(sorted(near))}" if near else ""


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]}?)" if near else ""
