"""Captures among the cases, through both ways of following books.

Belongs here: from lines of ``received_ms`` and ``frame`` to the rows of one instrument.
"""

from __future__ import annotations

import json
from typing import Any

from echelon_pipeline.books.book import Instrument
from echelon_pipeline_tests.replays import Arrived, both

SECOND = 1_000_000


def followed(lines: list[str]) -> list[dict[str, Any]]:
    """Rows of the market of tokens 11 and 12, without facts, the same from the machine and from the compiled rules."""
    frames = [
        Arrived("socket", number, line["received_ms"] * 1_000, json.dumps(line["frame"]).encode())
        for number, line in enumerate(map(json.loads, lines), 1)
    ]
    _, found = both("polymarket", [Instrument("polymarket:0xm", ("11", "12"))], frames, 100)
    return found["rows"]
