"""Which rows a merge changes: compares staged rows with stored ones, one group of partitions at a time.

Belongs here: the statements that check, deduplicate and compare, generated from the registry. ``lake.py`` commits.
A row never moves to another partition: partition columns follow from the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from echelon_pipeline.errors import RuleViolation
from echelon_pipeline.lake.delta import Partition
from echelon_pipeline.sqltools.text import file_list, literal, quote, typed
from echelon_pipeline.tables import Table

# Columns that say where and when a row was read. A difference in these columns alone is not a change.
PROVENANCE = ("observed_at", "raw_sha256")

# The parser version of rows that were written before rows had a column for it.
FIRST_PARSER = 1


@dataclass(frozen=True)
class Changes:
    """Numbers of rows that the commit of a group adds, changes and removes; the partitions that it rewrites."""

    new: int
    changed: int
    vanished: int
    partitions: tuple[Partition, ...]


class Merge:
    """Statements of one merge in one connection. Call in order: check, partitions, compare, rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: Table, staged: Sequence[Path]) -> None:
        self.table = table
        self._connection = connection
        source = f"SELECT * FROM read_parquet({file_list([str(p) for p in staged])}, union_by_name = true)"
        connection.execute(f"CREATE TEMP VIEW staged_all AS {typed(table, source, connection)}")

    def check(self) -> int:
        """Number of staged rows; raises RuleViolation if one breaks a rule or two rows of one key differ."""
        rows = check_rules(self._connection, self.table, "staged_all")
        self._dedupe()
        return rows

    def _dedupe(self) -> None:
        key, run = _names(self.table.key), self._connection.execute
        run(f"CREATE TEMP TABLE duplicate_keys AS SELECT {key} FROM staged_all GROUP BY ALL HAVING count(*) > 1")
        if not self._number("SELECT count(*) FROM duplicate_keys"):
            run("CREATE TEMP VIEW staged AS SELECT * FROM staged_all")
            return
        run(f"CREATE TEMP TABLE duplicates AS SELECT * FROM staged_all SEMI JOIN duplicate_keys USING ({key})")
        if not self.table.newest and not self.table.merge.best_first:
            self._require_agreement()
        run(
            f"CREATE TEMP TABLE best AS SELECT * FROM duplicates "
            f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {self._order()}) = 1"
        )
        run(
            f"CREATE TEMP VIEW staged AS SELECT * FROM staged_all ANTI JOIN duplicate_keys USING ({key}) "
            f"UNION ALL SELECT * FROM best"
        )

    def _require_agreement(self) -> None:
        key, compared = _names(self.table.key), ", ".join(quote(c) for c in self._compared())
        conflicting = (
            f"SELECT {key} FROM (SELECT DISTINCT {key}, {compared} FROM duplicates) GROUP BY ALL HAVING count(*) > 1"
        )
        keys = self._number(f"SELECT count(*) FROM ({conflicting})")
        if keys:
            sample = f"SELECT * FROM duplicates SEMI JOIN ({conflicting}) USING ({key}) ORDER BY ALL"
            raise violation(
                self._connection, self.table, f"key ({', '.join(self.table.key)}) is unique", keys, sample, "key(s)"
            )

    def _order(self) -> str:
        """ORDER BY terms for staged rows of one key, best first; the last terms only make the order total."""
        terms = list(self.table.merge.best_first)
        if self.table.newest:
            terms.append(f"{quote(self.table.newest)} DESC")
        elif "observed_at" in self.table.names and "observed_at" not in self.table.key:
            terms.append("observed_at ASC" if self.table.merge.keeps_first_read else "observed_at DESC")
        terms += [c for c in ("raw_sha256", "sha256") if c in self.table.names]
        return ", ".join(terms or [quote(self.table.key[0])])

    def partitions(self) -> dict[Partition, int]:
        """Staged rows per partition, in the order of the partitions."""
        by = _names(self.table.partition_by)
        rows = self._connection.execute(f"SELECT {by}, count(*) FROM staged GROUP BY ALL ORDER BY ALL").fetchall()
        return {tuple(row[:-1]): row[-1] for row in rows}

    def compare(self, partitions: Sequence[Partition], stored: str, *, empty: bool) -> Changes:
        """Compares staged rows of one group of partitions with ``stored``, a SELECT of the stored rows of the group.

        ``empty``: the group has no stored rows. Leaves the relations ``applied`` and ``vanished`` for rows().
        """
        run, by = self._connection.execute, _names(self.table.partition_by)
        # One partition without stored rows reads the staged rows twice: a copy would cost more.
        copied = len(partitions) > 1 or not empty
        self._relation("incoming", f"SELECT * FROM staged WHERE {within(self.table, partitions)}", copied=copied)
        run(f"CREATE OR REPLACE TEMP VIEW stored AS {stored}")
        if empty:
            self._relation("applied", "SELECT *, true AS is_new FROM incoming", copied=False)
        else:
            self._relation("applied", self._applied(), copied=True)
        run(f"CREATE OR REPLACE TEMP TABLE vanished AS {self._vanished()}")
        touched = run(
            f"SELECT {by}, count(*) FILTER (kind = 1), count(*) FILTER (kind = 2), count(*) FILTER (kind = 3) FROM ("
            f"SELECT {by}, if(is_new, 1, 2) AS kind FROM applied UNION ALL SELECT {by}, 3 AS kind FROM vanished) "
            f"GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        new, changed, gone = (sum(row[i] for row in touched) for i in (-3, -2, -1))
        return Changes(new, changed, gone, tuple(tuple(row[:-3]) for row in touched))

    def _relation(self, name: str, query: str, *, copied: bool) -> None:
        if copied:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name}_rows AS {query}")
            query = f"FROM {name}_rows"
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")

    def _applied(self) -> str:
        on = " AND ".join(f"s.{quote(c)} = o.{quote(c)}" for c in self._identity())
        is_new = f"o.{quote(self.table.key[0])} IS NULL"
        columns = ", ".join(self._merged(c) for c in self.table.names)
        return (
            f"SELECT {columns}, {is_new} AS is_new "
            f"FROM incoming s LEFT JOIN stored o ON {on} WHERE {is_new} OR ({self._replaces()})"
        )

    def rows(self, partitions: Sequence[Partition]) -> str:
        """SELECT of all rows that the changed partitions contain after the merge, in file order."""
        key, here = _names(self._identity()), within(self.table, partitions)
        order = _names((*(self.table.partition_by if len(partitions) > 1 else ()), *self.table.sort_by))
        return (
            f"SELECT * FROM (SELECT * FROM stored ANTI JOIN applied USING ({key}) ANTI JOIN vanished USING ({key}) "
            f"WHERE {here} UNION ALL SELECT * EXCLUDE (is_new) FROM applied WHERE {here}) ORDER BY {order}"
        )

    def _identity(self) -> list[str]:
        return list(dict.fromkeys((*self.table.partition_by, *self.table.key)))

    def _compared(self) -> list[str]:
        fixed = {*self.table.key, *self.table.partition_by, *PROVENANCE}
        return [c for c in self.table.names if c not in fixed] or [self.table.key[0]]

    def _replaces(self) -> str:
        differs = " OR ".join(f"s.{quote(c)} IS DISTINCT FROM o.{quote(c)}" for c in self._compared())
        conditions = [*self.table.merge.not_worse]
        if self.table.newest:
            newest = quote(self.table.newest)
            conditions.append(f"(s.{newest} >= o.{newest} OR o.{newest} IS NULL)")
        if not conditions:
            return f"({differs})"
        return f"({differs}) AND (({' AND '.join(conditions)}) OR {self._is_reparsed()})"

    def _is_reparsed(self) -> str:
        """SQL: a newer parser made the staged row from the same reading. Then the staged row replaces the stored one
        even if its values are coarser or older."""
        if "parser_version" not in self.table.names:
            return "false"
        reading = "raw_sha256" if "raw_sha256" in self.table.names else "observed_at"
        return f"(s.{reading} = o.{reading} AND s.parser_version > coalesce(o.parser_version, {FIRST_PARSER}))"

    def _merged(self, column: str) -> str:
        name = quote(column)
        if column == "observed_at" and self.table.merge.keeps_first_read:
            return f"least(s.{name}, o.{name}) AS {name}"  # least() ignores NULL
        return f"s.{name}"

    def _vanished(self) -> str:
        table = self.table
        columns = _names(dict.fromkeys((*table.partition_by, *table.key)))
        if table.replaces == table.key:
            return f"SELECT {columns} FROM stored WHERE false"
        group = _names(dict.fromkeys((*table.partition_by, *table.replaces)))
        return f"SELECT {columns} FROM stored SEMI JOIN incoming USING ({group}) ANTI JOIN incoming USING ({columns})"

    def _number(self, query: str) -> int:
        row = self._connection.execute(query).fetchone()
        return int(row[0]) if row else 0


def check_rules(connection: duckdb.DuckDBPyConnection, table: Table, relation: str) -> int:
    """Number of rows of a relation; raises RuleViolation for the first rule of the table that a row breaks.

    A rule that evaluates to NULL on a row is broken.
    """
    rules = table.all_rules()
    counts = ", ".join(f"count(*) FILTER (({r.sql}) IS NOT TRUE)" for r in rules)
    row: tuple[Any, ...] | None = connection.execute(
        f"SELECT count(*){', ' + counts if rules else ''} FROM {relation}"
    ).fetchone()
    if row is None:
        return 0
    for rule, broken in zip(rules, row[1:], strict=True):
        if broken:
            sample = f"SELECT * FROM {relation} WHERE ({rule.sql}) IS NOT TRUE"
            raise violation(connection, table, rule.name, broken, sample, f"of {row[0]:,} row(s)")
    return int(row[0])


def check_unique(connection: duckdb.DuckDBPyConnection, table: Table, relation: str) -> None:
    """Raises RuleViolation if two rows of a relation have the same key."""
    key = _names(table.key)
    duplicates = f"SELECT {key} FROM {relation} GROUP BY ALL HAVING count(*) > 1"
    row = connection.execute(f"SELECT count(*) FROM ({duplicates})").fetchone()
    if row and row[0]:
        sample = f"SELECT * FROM {relation} SEMI JOIN ({duplicates}) USING ({key}) ORDER BY ALL"
        raise violation(connection, table, f"key ({', '.join(table.key)}) is unique", row[0], sample, "key(s)")


def violation(
    connection: duckdb.DuckDBPyConnection, table: Table, rule: str, count: int, sample: str, what: str
) -> RuleViolation:
    """The error of a broken rule, with up to 5 rows; values longer than 80 characters are cut."""
    rows = connection.execute(f"{sample} LIMIT 5").fetchall()
    shown = "; ".join(
        "{" + ", ".join(f"{n}: {str(v)[:80]}" for n, v in zip(table.names, row, strict=True) if v is not None) + "}"
        for row in rows
    )
    return RuleViolation(
        f"{table.name}: rule {rule!r} is broken by {count:,} {what}; nothing was committed. Rows: {shown}",
        table=table.name,
    )


def _names(columns: Sequence[str] | dict[str, None]) -> str:
    return ", ".join(quote(c) for c in columns)


def within(table: Table, partitions: Sequence[Partition]) -> str:
    """SQL condition for the rows of these partitions; for a single partition, one that prunes files and row groups."""
    if not table.partition_by:
        return "true"
    if len(partitions) == 1:
        pairs = zip(table.partition_by, partitions[0], strict=True)
        return " AND ".join(f"{quote(c)} = {_literal(v)}" for c, v in pairs)
    values = ", ".join("(" + ", ".join(_literal(v) for v in p) + ")" for p in partitions)
    return f"({_names(table.partition_by)}) IN ({values})"


def _literal(value: object) -> str:
    if isinstance(value, bool | int):
        return str(value)
    return literal(str(value))
