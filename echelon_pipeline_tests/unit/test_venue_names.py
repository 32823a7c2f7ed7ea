"""A venue has one place: no other file names it, but for those that are listed here with the reason.

Belongs here: the list, and the search. Which venues there are, and what they have, is asked of the registry.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from echelon_pipeline.venues.registry import venue_names

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(rf"(?<![A-Za-z])({'|'.join(venue_names())})(?![A-Za-z])")
# Folders that are of one venue, or that know all of them to stand in for them.
THEIRS = (
    *(f"echelon_pipeline/venues/{name}/" for name in venue_names()),
    *(f"sql/parse/{name}/" for name in venue_names()),
    "echelon_pipeline/sandbox/",
    "sql/import/presets/",
)
EXCEPTIONS = {
    "echelon_pipeline/venues/registry.py": "the one place where venues are registered",
    "echelon_pipeline/venues/recorders.py": "a recorder's format names the venue that it records",
    "echelon_pipeline/settings/__init__.py": "Kalshi's two environments are named to users",
    "echelon_pipeline/settings/environment.py": "the list of settings that a home records",
    "echelon_pipeline/settings/kalshi.py": "its group of settings: the room is below venues/",
    "echelon_pipeline/settings/polymarket.py": "its group of settings: the room is below venues/",
    "echelon_pipeline/settings/model.py": "groups of settings are the bases of one class",
    "echelon_pipeline/commands/demo.py": "the demo's builder code is the sandbox's",
    "echelon_pipeline/commands/stream.py": "examples in help texts",
    "echelon_pipeline/commands/work.py": "an example in a help text",
    "sql/analyst/03_categories.sql": "the example has a column per venue",
}
FILES = sorted([*(ROOT / "echelon_pipeline").rglob("*.py"), *(ROOT / "sql").rglob("*.sql")])
SEARCHED = [p.relative_to(ROOT).as_posix() for p in FILES if not p.relative_to(ROOT).as_posix().startswith(THEIRS)]


def in_python(source: str) -> Iterator[str]:
    """Names of venues in literals, names of members and imports; prose in docstrings is free."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from NAMED.findall(node.value)
        elif isinstance(node, ast.Attribute):
            yield from NAMED.findall(node.attr)
        elif isinstance(node, ast.Name):
            yield from NAMED.findall(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from NAMED.findall(ast.unparse(node))


def in_sql(source: str) -> Iterator[str]:
    """The same outside of comments."""
    for line in source.splitlines():
        yield from NAMED.findall(line.partition("--")[0])


def named_in(path: str) -> list[str]:
    text = (ROOT / path).read_text(encoding="utf-8")
    return list(in_python(text) if path.endswith(".py") else in_sql(text))


def test_a_venue_is_named_in_its_own_folder_alone() -> None:
    assert {path: names for path in SEARCHED if path not in EXCEPTIONS and (names := named_in(path))} == {}


@pytest.mark.parametrize("path", EXCEPTIONS)
def test_an_exception_is_still_needed(path: str) -> None:
    assert path in SEARCHED
    assert named_in(path)


@pytest.mark.parametrize(
    "source", ['x = "kalshi"', "class V(E):\n    kalshi = 1", "settings.kalshi_rest", "x = f'{a} kalshi:'"]
)
def test_the_search_finds_a_venue_in(source: str) -> None:
    assert list(in_python(source)) == ["kalshi"]


def test_the_search_passes_over_prose() -> None:
    assert not list(in_python('"""Kalshi, as kalshi serves it."""\nx = "Kalshi ticker"'))
    assert not list(in_sql("-- kalshi\nSELECT 1 -- of kalshi"))
