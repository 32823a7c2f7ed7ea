"""Locates the values of a bulk file's records: keys inside of records, and lists whose members are the rows.

Belongs here: finding a named column in a record, in the members of its lists and in the objects around them, and the
query that makes a row of each member. ``mappings.py`` defines what a column means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from echelon_pipeline.errors import BadImport
from echelon_pipeline.ingest.bulk_files import Records
from echelon_pipeline.ingest.bulk_structure import Mixed, member_of, structure_of
from echelon_pipeline.sqltools.text import literal

# Maximum depth of nested lists; venues nest two (markets of events).
DEEPEST = 3
RECORD = "$"  # key of the surrounding record in the payload of a member

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a value lies: in the record (level 0) or in a member of opened list n. ``kind``: list, object, value."""

    level: int
    keys: Keys
    kind: str
    inner: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """``structure``: of the records (``bulk_structure.py``). ``each``: keys from one opened list to the next."""

    path: Path
    records: Records
    structure: dict[str, Any]
    each: tuple[Keys, ...] = ()

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, path: Path, records: Records) -> Layout:
        """The layout of a file's records, without an opened list."""
        return cls(path, records, structure_of(connection, records))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file, at the top level."""
        return self.records.columns

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted path of every opened list, outermost first."""
        keys: Keys = ()
        found = []
        for step in self.each:
            keys += step
            found.append(".".join(keys))
        return tuple(found)

    def opened(self, each: str) -> Layout:
        """The layout with one row per member of a list; dots may lead through outer lists. Raises BadImport."""
        steps: list[Keys] = []
        node: Any = self.structure
        keys: Keys = ()
        for key in _keys(each, self.structure):
            if member_of(node) is not None and key not in node:
                steps, keys, node = [*steps, keys], (), member_of(node)
            if not isinstance(node, dict) or key not in node:
                raise BadImport(f"{self.path}: there is no list {each}{self.lists_hint()}")
            keys, node = (*keys, key), node[key]
        if member_of(node) is None:
            raise BadImport(f"{self.path}: {each} is not a list{self.lists_hint()}")
        return replace(self, each=(*steps, keys))

    def fitting(self, columns: Iterable[str]) -> list[Layout]:
        """Layouts with one list opened in which every column is found, and at least one in the members themselves."""
        wanted = tuple(columns)
        found = []
        for each in _lists(self.structure):
            layout = replace(self, each=each)
            places = [layout.find(column) for column in wanted]
            if all(places) and any(place.level == len(each) for place in places if place):
                found.append(layout)
        return found

    @property
    def member_keys(self) -> tuple[str, ...]:
        """The keys of the members of the innermost opened list."""
        return tuple(self._node(len(self.each)))

    def find(self, column: str) -> Place | None:
        """Finds a column: in the innermost member first, then in the objects around it; ``$.x`` is the record's x."""
        if column == "." and self.each:
            return _place(len(self.each), (), self._node(len(self.each)))
        levels: list[tuple[int, str]] = [(k, column) for k in range(len(self.each), -1, -1)]
        for level, name in enumerate(self.names, start=1):
            if column.startswith(f"{name}."):
                levels.insert(0, (level, column.removeprefix(f"{name}.")))
        if column.startswith(f"{RECORD}."):
            levels = [(0, column.removeprefix(f"{RECORD}."))]
        for level, name in levels:
            node = self._node(level)
            keys = _keys(name, node)
            for key in keys:
                node = node.get(key) if isinstance(node, dict) else None
            if node is not None:
                return _place(level, keys, node)
        return None

    def json_path(self, place: Place) -> str:
        """The JSON path of a value in the payload of a row."""
        root = (RECORD, *self.names)[place.level]
        return json_path((root, *place.keys) if self.each else place.keys)

    def find_anywhere(self, connection: duckdb.DuckDBPyConnection, column: str) -> Place | None:
        """Searches every record of the file for a column that no sampled record has."""
        if not self.records.nested:
            return None
        for level in range(len(self.each), -1, -1):
            keys = _keys(column.removeprefix(f"{RECORD}."), self.structure)
            path = "$" + "".join(json_path(step)[1:] + "[*]" for step in self.each[:level]) + json_path(keys)[1:]
            has = (
                f"len(json_extract(payload, {literal(path)})) > 0"
                if level
                else f"json_exists(payload, {literal(path)})"
            )
            if connection.execute(f"SELECT 1 FROM {self._scan} WHERE fault IS NULL AND {has} LIMIT 1").fetchall():
                return Place(level, keys, "value")
        return None

    def lists_hint(self) -> str:
        """The lists inside of the records, for a message; empty where there are none."""
        found = [replace(self, each=each) for each in _lists(self.structure)][:6]
        named = [f"{layout.names[-1]} ({', '.join(layout.member_keys[:6])})" for layout in found]
        return f"; --each makes one row per member of: {', '.join(named)}" if named else ""

    def rows_query(self, keep: Iterable[Place] = ()) -> str:
        """All rows of the file: (row_no, payload, sha, fault, place). Members carry the objects around them
        without their lists, except those in ``keep``: the other lists of a page would be repeated with each member."""
        where = "CASE WHEN line IS NULL THEN '$[' || row_no || ']' ELSE 'line ' || line END"
        exact = "CASE WHEN fault IS NULL THEN import_exact(payload) ELSE payload END"
        if not self.each:
            return f"SELECT row_no, {exact} AS payload, sha, fault, {where} AS place FROM {self._scan}"
        name = self.names[-1]
        missing = literal(f"there is no list {name}")
        key = literal(json_path((name,)))
        kept = tuple(keep)
        return f"""
            WITH whole AS (SELECT row_no, {exact} AS payload, fault, {where} AS place FROM {self._scan}),
            listed AS (
                SELECT *, CASE WHEN fault IS NULL THEN {self._members(0, "payload", (), kept)} ELSE [] END AS members
                FROM whole
            ), spread AS (
                SELECT * EXCLUDE (members), unnest(CASE WHEN len(members) > 0 THEN members ELSE [NULL] END) AS member,
                    generate_subscripts(CASE WHEN len(members) > 0 THEN members ELSE [NULL] END, 1) - 1 AS nth
                FROM listed
            )
            SELECT row_number() OVER () - 1 AS row_no, coalesce(member, payload) AS payload,
                sha256(coalesce(member, payload)) AS sha,
                CASE WHEN member IS NULL THEN coalesce(fault,
                    CASE json_type(payload, {literal(json_path(self.each[0]))}) WHEN 'ARRAY' THEN {literal(self.empty)}
                    ELSE {missing} END)
                    WHEN NOT json_exists(member, {key}) THEN {missing} END AS fault,
                place || CASE WHEN member IS NULL THEN '' ELSE {literal(f".{name}[")} || nth || ']' END AS place
            FROM spread
        """

    def flat_payload(self) -> str:
        """SQL that merges a member into the objects around it; the member's keys win. For presets."""
        flat = f"json_extract(payload, {literal(json_path((RECORD,)))})"
        for name in self.names:
            flat = f"json_merge_patch({flat}, json_extract(payload, {literal(json_path((name,)))}))"
        return f"CAST({flat} AS VARCHAR)"

    @property
    def empty(self) -> str:
        """The fault of a record whose list has no members: it gives no row, and no row is missing."""
        return f"the list {self.names[-1]} is empty"

    @property
    def _scan(self) -> str:
        return f"read_parquet({literal(str(self.records.path))})"

    def _node(self, level: int) -> Any:
        node: Any = self.structure
        for step in self.each[:level]:
            for key in step:
                node = node[key]
            node = member_of(node)
        return node

    def _members(self, level: int, value: str, around: tuple[str, ...], keep: tuple[Place, ...]) -> str:
        """SQL for the list of the members' payloads below ``value``, the JSON of this level."""
        spared = {place.keys for place in keep if place.level == level}
        patch = json.dumps(_without_lists(self._node(level), (), spared))
        name = literal((RECORD, *self.names)[level])
        around = (*around, name, f"json_merge_patch({value}, {literal(patch)})")
        item = f"x{level}"
        items = f"json_extract({value}, {literal(json_path(self.each[level]) + '[*]')})"
        if level + 1 == len(self.each):
            pairs = ", ".join((*around, literal(self.names[-1]), item))
            return f"[CAST(json_object({pairs}) AS VARCHAR) FOR {item} IN {items}]"
        # A member without the inner list becomes a row with a fault: it has no key with the list's name.
        lacking = f"[CAST(json_object({', '.join((*around, literal(self.names[level]), item))}) AS VARCHAR)]"
        inner = (
            f"CASE json_type({item}, {literal(json_path(self.each[level + 1]))}) "
            f"WHEN 'ARRAY' THEN {self._members(level + 1, item, around, keep)} ELSE {lacking} END"
        )
        return f"flatten([{inner} FOR {item} IN {items}])"


def json_path(keys: Keys) -> str:
    """The JSON path of nested keys."""
    return "$" + "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)


def _keys(column: str, node: Any) -> Keys:
    """The column's name where such a key exists, else the keys between its dots."""
    return (column,) if isinstance(node, dict) and column in node else tuple(column.split("."))


def _place(level: int, keys: Keys, node: Any) -> Place:
    if isinstance(node, list):
        return Place(level, keys, "list")
    if isinstance(node, Mixed):  # records differ
        return Place(level, keys, "value")
    return Place(level, keys, "object", tuple(node)) if isinstance(node, dict) else Place(level, keys, "value")


def _lists(structure: Any) -> Iterator[tuple[Keys, ...]]:
    """Every list of objects, as the steps that lead to it, at most DEEPEST lists deep."""
    pending: list[tuple[tuple[Keys, ...], Keys, Any]] = [((), (), structure)]
    while pending:
        each, keys, node = pending.pop(0)
        if isinstance(node, dict):
            pending += [(each, (*keys, key), value) for key, value in node.items()]
        if isinstance(member := member_of(node), dict) and len(each) < DEEPEST:
            yield (*each, keys)
            pending.append(((*each, keys), (), member))


def _without_lists(node: dict[str, Any] | Any, keys: Keys, spared: set[Keys]) -> dict[str, Any]:
    """The merge patch that removes every list of objects from an object."""
    patch: dict[str, Any] = {}
    for key, value in node.items() if isinstance(node, dict) else ():
        inner = (*keys, key)
        if member_of(value) is not None and inner not in spared:
            patch[key] = _without_lists(value, inner, spared) if value and isinstance(value, dict) else None
        elif isinstance(value, dict) and (below := _without_lists(value, inner, spared)):
            patch[key] = below
    return patch
