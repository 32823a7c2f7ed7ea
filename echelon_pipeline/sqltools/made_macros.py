"""Macros whose text code makes, beside those of ``sql/macros``: they are in every database that statements run in.

Belongs here: who makes them. A maker is called for each new database, so that what it says may change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

MAKERS: list[Callable[[], Sequence[str]]] = []


def made_macros() -> list[str]:
    """Statements that create them."""
    return [text for make in MAKERS for text in make()]
