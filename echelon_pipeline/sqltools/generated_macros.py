"""Macros that code generates, in addition to those of ``sql/macros``: every database that runs statements has them.

Belongs here: the list of generators. A generator is called for each new database, so its text may change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

GENERATORS: list[Callable[[], Sequence[str]]] = []


def generated_macros() -> list[str]:
    """The CREATE MACRO statements of all generators."""
    return [text for generate in GENERATORS for text in generate()]
