"""Every division of ``sql/`` survives a zero: its divisor is a constant, or NULL where it would be zero.

DuckDB raises on ``//`` and ``%`` by zero and gives infinity for ``/``. A ``FILTER`` or ``CASE`` beside the division is
no guard: DuckDB may evaluate the division first, for all rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from echelon_pipeline.domain.derived import DERIVED_SQL
from echelon_pipeline.sqltools.statements import statements

DIVISIONS = {"/", "//", "%", "divide", "mod", "fmod"}
_MACRO = re.compile(r"^CREATE (?:OR REPLACE )?(?:TEMP )?MACRO .*?\)\s+AS\s+(TABLE\b)?", re.DOTALL)
_CONNECTION = duckdb.connect()


def _selects(text: str) -> str:
    """A statement as SELECTs: macros are no statements that DuckDB serializes."""
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
    if bare.startswith("CREATE"):
        match = _MACRO.match(bare)
        assert match is not None, bare[:80]
        return ("" if match.group(1) else "SELECT ") + bare[match.end() :]
    return bare


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for child in tree.values():
            yield from _nodes(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def _is_never_zero(node: dict[str, Any]) -> bool:
    """A constant that is not zero, nullif(…, 0), a cast, product or sum with 1 of such."""
    kind = node["class"]
    if kind == "CONSTANT":
        return float(node["literal"]["text"]) != 0
    if kind == "CAST":
        return _is_never_zero(node["child"])
    if kind != "FUNCTION":
        return False
    given = [a["expression"] for a in node["arguments"]]
    if node["function_name"] == "nullif":
        return given[1]["class"] == "CONSTANT" and float(given[1]["literal"]["text"]) == 0
    return node["function_name"] == "*" and all(map(_is_never_zero, given))


def unguarded(text: str) -> list[str]:
    """Divisions of a statement that a zero breaks."""
    source = _selects(text)
    found_rows = _CONNECTION.execute("SELECT json_serialize_sql($1::VARCHAR)", [source]).fetchall()
    tree = json.loads(found_rows[0][0])
    assert not tree["error"], tree
    found = []
    for node in _nodes(tree):
        if node.get("class") == "FUNCTION" and node["function_name"] in DIVISIONS:
            given = [a["expression"] for a in node["arguments"]]
            if not _is_never_zero(given[1]):
                at = node.get("query_location") or 0
                found.append(" ".join(source[max(0, at - 60) : at + 60].split()))
    return found


def test_no_divisor_can_be_zero() -> None:
    # sql/postgres is in another dialect, which has no division in it.
    statements_ = [s for s in statements("") if not s.name.startswith("/postgres/")]
    assert len(statements_) > 100
    found = {s.name: unguarded(s.text) for s in statements_}
    assert {name: divisions for name, divisions in found.items() if divisions} == {}


def test_postgres_statements_divide_nothing() -> None:
    for statement in statements("postgres"):
        code = re.sub(r"--.*|'[^']*'", "", statement.text)
        assert not re.search(r"[/%]|\bmod\b|\bdiv\b", code), statement.name


@pytest.mark.parametrize("table", DERIVED_SQL)
def test_no_divisor_of_composed_statements_can_be_zero(table: str) -> None:
    assert unguarded(DERIVED_SQL[table]()) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a / b FROM t",
        "SELECT sum(a // b) FILTER (WHERE b > 0) FROM t",
        "SELECT CASE WHEN b > 0 THEN a % b END FROM t",
        "WITH x AS (SELECT a / nullif(b, 1) FROM t) FROM x",
        "SELECT a / coalesce(nullif(b, 0), 0) FROM t",
        "SELECT mod(a, b) FROM t",
        "SELECT list_transform(l, lambda v: 1 / v) FROM t",
        "CREATE MACRO m(a, b) AS a / b",
    ],
)
def test_an_unguarded_division_is_found(text: str) -> None:
    assert len(unguarded(text)) == 1


@pytest.mark.parametrize("text", ["SELECT a / 1e6, a / nullif(b, 0)::DOUBLE, a // (2 * nullif(b, 0)) FROM t"])
def test_a_guarded_division_is_accepted(text: str) -> None:
    assert unguarded(text) == []
