"""The classes of the registry: tables with columns, types, units, key, grain, partitioning and rules.

Belongs here: these classes and conversions of types. The tables themselves are in the other modules of this room. No
code here reads or writes data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from echelon_pipeline.sqltools.text import quote

if TYPE_CHECKING:
    import pyarrow as pa


class T(StrEnum):
    """Column types, by their DuckDB names. Money, prices and sizes are decimals, never floats."""

    TEXT = "VARCHAR"
    BOOL = "BOOLEAN"
    INT = "INTEGER"
    BIGINT = "BIGINT"
    DATE = "DATE"
    TIME = "TIMESTAMP WITH TIME ZONE"
    PRICE = "DECIMAL(9,6)"
    EXACT_PRICE = "DECIMAL(18,12)"
    SIZE = "DECIMAL(18,6)"
    MONEY = "DECIMAL(18,6)"  # same digits as SIZE; the suffix _usd distinguishes them
    RATE = "DECIMAL(12,8)"
    STRIKE = "DECIMAL(38,12)"  # from shares of a cent (0.0000125) to company revenues (59000000000.0)
    TEXTS = "VARCHAR[]"
    INTS = "INTEGER[]"
    BIGINTS = "BIGINT[]"
    STAT = "DOUBLE"  # statistics only


@cache
def _arrow_types() -> dict[str, pa.DataType]:
    import pyarrow as pa  # here: naming tables does not load it

    return {
        "VARCHAR": pa.string(),
        "BOOLEAN": pa.bool_(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "DATE": pa.date32(),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
        "DECIMAL(9,6)": pa.decimal128(9, 6),
        "DECIMAL(18,12)": pa.decimal128(18, 12),
        "DECIMAL(18,6)": pa.decimal128(18, 6),
        "DECIMAL(12,8)": pa.decimal128(12, 8),
        "DECIMAL(38,12)": pa.decimal128(38, 12),
        "VARCHAR[]": pa.list_(pa.string()),
        "INTEGER[]": pa.list_(pa.int32()),
        "BIGINT[]": pa.list_(pa.int64()),
        "DOUBLE": pa.float64(),
    }


@dataclass(frozen=True)
class Column:
    """One column: name, type, meaning. ``unit`` is empty if the name includes it. ``is_json``: the text is JSON (jsonb
    in Postgres)."""

    name: str
    type: T
    about: str
    nullable: bool = True
    unit: str = ""
    is_json: bool = False

    @property
    def arrow(self) -> pa.Field[pa.DataType]:
        # Every column is nullable in the lake: a rule checks required columns and names the bad row, where the writer
        # would only fail.
        import pyarrow as pa

        return pa.field(self.name, _arrow_types()[self.type.value], nullable=True)


@dataclass(frozen=True)
class Rule:
    """A condition that every staged row must meet before a commit; ``sql`` is a DuckDB boolean."""

    name: str
    sql: str


class Feeder(StrEnum):
    """What writes the rows of a table. The first group requests data from a venue or reads its recordings; the
    venue's registration names the feeders that it has (every venue has listings and books)."""

    LISTINGS = "listings"
    TRADES = "trades"
    PRICES = "prices"
    FILLS = "fills"
    PAYOUTS = "payouts"  # a second source of payouts
    RANKING = "ranking"
    COMBOS = "combos"
    BOOKS = "books"

    STATE = "state"  # exported from the state database
    UNITS = "units"  # every unit of work
    STATEMENT = "statement"  # one statement of sql/core or sql/marts
    REFRESH = "refresh"  # the refresh that computes the tables of statements
    REDERIVATION = "rederivation"  # derives tables again from raw
    COMMAND = "command"  # a person, with a command


OF_VENUES = frozenset(Feeder) - {
    Feeder.STATE,
    Feeder.UNITS,
    Feeder.STATEMENT,
    Feeder.REFRESH,
    Feeder.REDERIVATION,
    Feeder.COMMAND,
}


class Cycle(StrEnum):
    """The partition unit: the span of time that one run of a table's feeder owns."""

    DAY = "day"
    HOUR = "hour"
    NONE = "none"


class Audience(StrEnum):
    """Who may read a table: every reader of the publication, or only the owner of the account."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True)
class MergePolicy:
    """Which of two rows of one key wins, in addition to ``newest``.

    ``best_first``: ORDER BY terms for staged rows of one key. ``not_worse``: conditions under which a staged row (s)
    replaces a stored row (o). ``keeps_first_read``: observed_at is the time of the first read; a row that is staged
    again keeps the earlier time.
    """

    best_first: tuple[str, ...] = ()
    not_worse: tuple[str, ...] = ()
    keeps_first_read: bool = False


@dataclass(frozen=True)
class Counted:
    """How ``mart.data_quality`` counts rows of a table.

    ``day``, ``seen_at``: SQL for the UTC day of a row and for the time when it was seen. ``can_be_late``: a row may be
    seen days after its day. ``event_at``: the venue's time of a row, if it has one.
    """

    day: str
    seen_at: str
    can_be_late: bool = False
    event_at: str = ""


@dataclass(frozen=True)
class PagedRows:
    """Rows of a table that pages of answers bring. ``at``: SQL of a row's time; ``scope``: SQL of what was asked for,
    if a row says so; ``condition``: SQL that tells these rows from others of the table."""

    at: str
    scope: str = ""
    condition: str = "true"


@dataclass(frozen=True)
class Table:
    """One table of the lake.

    ``key``: unique in the table. ``replace_by``: staged rows replace every stored row with the same values of these
    columns (default: the key). ``newest``: of two rows of one key, the one with the larger value of this column wins;
    a staged row wins a tie. ``partition_by``: Delta partition columns. ``sort_by``: order inside files.
    ``physical``: copied into the published file at any size, because most queries read it first.
    ``mirrored``: copied to Postgres too, because it is small enough or changes by day.
    ``indexes``: Postgres indexes in addition to the key; a column may have an order (``volume DESC NULLS LAST``).
    ``audience``: the files of a private table are readable by their owner only (0700, 0600); it is never published.
    ``fed_by``: what writes the table; the first one has the table's own asset key. A table of a statement lists the
    feeders that it waits for too. ``cycle``: the partition unit of its feeder. ``needs``: tables of the same venue that
    its feeder reads. ``commit_order``: its place among the tables that one unit of work commits; 0 if no unit stages
    it. ``reported_with``: the table whose asset reports this one, if it has no asset of its own.
    ``version``: increased when columns change; older data is migrated on read (missing columns are NULL).
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...]
    sort_by: tuple[str, ...]
    grain: str
    replace_by: tuple[str, ...] = ()
    newest: str = ""
    rules: tuple[Rule, ...] = ()
    version: int = 1
    append_only: bool = False
    published: bool = True
    audience: Audience = Audience.PUBLIC
    fed_by: tuple[Feeder, ...] = (Feeder.STATEMENT,)
    cycle: Cycle = Cycle.NONE
    needs: tuple[str, ...] = ()
    commit_order: int = 0
    merge: MergePolicy = MergePolicy()
    counted: Counted | None = None
    paged: PagedRows | None = None
    reported_with: str = ""
    physical: bool = False
    mirrored: bool = True
    indexes: tuple[tuple[str, ...], ...] = field(default=())

    @property
    def private(self) -> bool:
        """Whether it is its account's owner's alone."""
        return self.audience is Audience.PRIVATE

    @property
    def replaces(self) -> tuple[str, ...]:
        return self.replace_by or self.key

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """The DuckDB types of the columns, by name, in their order."""
        return {c.name: c.type.value for c in self.columns}

    @property
    def schema_name(self) -> str:
        return self.name.split(".", 1)[0]

    def column(self, name: str) -> Column:
        """The column with this name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of this table in the lake."""
        import pyarrow as pa

        return pa.schema([c.arrow for c in self.columns])

    def all_rules(self) -> tuple[Rule, ...]:
        """The table's rules and one rule per required column."""
        required = tuple(
            Rule(f"{c.name} is present", f"{quote(c.name)} IS NOT NULL") for c in self.columns if not c.nullable
        )
        return required + self.rules
