"""The internal macros of the published file: those that its views and functions call, in a schema of their own.

Belongs here: choosing and renaming macros. Statements in ``sql/`` call macros without a schema, because sessions that
compute have them in ``main``; in the published file the same macros are in ``internal``, so that lists of functions
show analysts only what is meant for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from echelon_pipeline.sqltools.generated_macros import generated_macros, macro_folders
from echelon_pipeline.sqltools.statements import statements

INTERNAL = "internal"

_NAME = re.compile(r"CREATE (?:OR REPLACE )?MACRO (\w+)\s*\(")
# Texts, quoted names and comments are skipped; a name after a dot belongs to another schema.
_TOKEN = re.compile(rf"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*)|(?<![\w.])(?:{INTERNAL}\.)?(\w+)(?=\s*\()")


@dataclass(frozen=True)
class Macro:
    """``text``: its CREATE MACRO statement. ``about``: its comment."""

    name: str
    text: str
    about: str


def all_macros() -> dict[str, Macro]:
    """Every macro of a computing session, by name."""
    shipped = [(s.text, s.about) for folder in macro_folders() for s in statements(folder)]
    generated = [(text, "a fact of the registered venues") for text in generated_macros()]
    macros: dict[str, Macro] = {}
    for text, about in (*generated, *shipped):
        found = _NAME.search(text)
        if found is None:
            raise ValueError(f"expected CREATE MACRO, got {text[:80]!r}")
        macros[found.group(1)] = Macro(found.group(1), text, about)
    return macros


def called(text: str, macros: Mapping[str, Macro]) -> set[str]:
    """The macros that a statement calls."""
    return {name for _, name in _TOKEN.findall(text) if name in macros}


def qualified(text: str, macros: Mapping[str, Macro]) -> str:
    """The statement with the schema before the name of every macro."""

    def replaced(match: re.Match[str]) -> str:
        name = match.group(2)
        return f"{INTERNAL}.{name}" if name in macros else match.group(0)

    return _TOKEN.sub(replaced, text)


def needed(texts: Iterable[str], macros: Mapping[str, Macro]) -> list[Macro]:
    """The macros that statements call, directly or through other macros, each after those that it calls."""
    order: dict[str, Macro] = {}

    def add(name: str) -> None:
        if name not in order:
            for inner in sorted(called(macros[name].text, macros) - {name}):
                add(inner)
            order[name] = macros[name]

    for text in texts:
        for name in sorted(called(text, macros)):
            add(name)
    return list(order.values())
