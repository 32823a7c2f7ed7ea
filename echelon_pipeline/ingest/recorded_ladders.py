"""Maps the ladders of recorded frames to instruments, from the lake, a file of markets or columns.

Belongs here: the mapping of names. A token's outcome is never guessed from its order in a file.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Facts
from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.errors import BadImport
from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.venues.registry import venue_of

UNKNOWN_TOKEN = "its tokens belong to no known market: ingest the market, or name a file of markets (--markets)"  # noqa: S105
FIRST_MISSING = "the token of outcome 0 is not known: ingest the market, or name a file of markets (--markets)"


@dataclass
class Market:
    """The known facts of one market. ``ladders``: by outcome."""

    instrument_id: str
    ladders: dict[int, str] = field(default_factory=dict)
    close_at: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def learn(self, facts: Mapping[str, Any]) -> None:
        """Adds facts; missing values leave the known ones."""
        self.facts |= {name: value for name, value in facts.items() if value not in (None, "")}

    def instrument(self) -> Instrument | None:
        """The instrument; None where the ladders are unknown or have a gap."""
        if not self.ladders or sorted(self.ladders) != list(range(len(self.ladders))):
            return None
        venue, native = InstrumentId.parse(self.instrument_id)
        neg_risk = self.facts.get("is_neg_risk")
        facts = Facts(
            native if venue_of(venue).facts.has_tokens else None,
            _plain(self.facts.get("min_order_size")),
            _plain(self.facts.get("tick_size")),
            None if neg_risk is None else str(neg_risk).lower() in ("true", "1", "t", "yes"),
        )
        return Instrument(
            self.instrument_id, tuple(self.ladders[n] for n in sorted(self.ladders)), self.close_at, facts
        )


class Markets:
    """Markets by their ladders, of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._has_tokens = venue_of(venue).facts.has_tokens
        self._by_id: dict[str, Market] = {}
        self._by_ladder: dict[str, Market] = {}

    def of(self, ladder: str) -> Market | None:
        """The market of a ladder; at venues without tokens the ladder's name is the market's."""
        if not self._has_tokens and ladder not in self._by_ladder:
            self.add(str(InstrumentId(self._venue, ladder)), 0, ladder)
        return self._by_ladder.get(ladder)

    def add(self, instrument_id: str, outcome: int, ladder: str) -> Market:
        """Adds a ladder; a ladder that is already known for the outcome stays."""
        market = self._by_id.setdefault(instrument_id, Market(instrument_id))
        if market.ladders.setdefault(outcome, ladder) == ladder:
            self._by_ladder.setdefault(ladder, market)
        return market

    def from_lake(self, session: Session, connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
        """Adds these ladders and their markets from ``core.instruments`` and ``core.outcomes``."""
        for view, table in (("known_instruments", "core.instruments"), ("known_outcomes", "core.outcomes")):
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS {session.lake.scan(table)}")
        given = {"venue": self._venue, "names": sorted(set(names))}
        rows = connection.execute(statement("import/ladders").text, given).fetchall()
        for name, ladder, outcome, close_at, tick, least, risk in rows:
            if self._has_tokens and outcome is None:
                continue
            market = self.add(name, outcome or 0, ladder)
            market.close_at = close_at
            market.learn({"tick_size": tick, "min_order_size": least, "is_neg_risk": risk})

    def from_file(self, path: Path) -> None:
        """Adds markets of Gamma (``clobTokenIds``) or lines with ``condition_id`` and ``outcomes`` in venue order.

        Raises BadImport where the file has no market.
        """
        known = len(self._by_ladder)
        try:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            is_lines = path.name.removesuffix(".gz").endswith(("jsonl", "ndjson"))
            records = [json.loads(text) for text in (data.splitlines() if is_lines else [data]) if text.strip()]
        except (OSError, EOFError, ValueError) as error:
            raise BadImport(f"{path}: cannot be read as markets: {error}") from error
        for one in _objects(records):
            self._take(one)
        if len(self._by_ladder) == known:
            raise BadImport(
                f"{path}: has no market: expected conditionId and clobTokenIds, or condition_id and outcomes"
            )

    def _take(self, one: Mapping[str, Any]) -> None:
        condition, tokens = one.get("conditionId") or one.get("condition_id"), one.get("clobTokenIds")
        if isinstance(tokens, str):
            tokens = json.loads(tokens)
        outcomes = one.get("outcomes")
        if tokens is None and isinstance(outcomes, list) and all(isinstance(o, dict) for o in outcomes):
            tokens = [o.get("token_id") for o in outcomes]
        if not condition or not isinstance(tokens, list) or not all(isinstance(t, str) and t for t in tokens):
            return
        for outcome, token in enumerate(tokens):
            self.add(str(InstrumentId(self._venue, condition)), outcome, token).learn(
                {
                    "tick_size": one.get("orderPriceMinTickSize", one.get("tick_size")),
                    "min_order_size": one.get("orderMinSize", one.get("min_order_size")),
                    "is_neg_risk": one.get("negRisk", one.get("neg_risk")),
                }
            )


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object, at any depth."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(one)


def _plain(number: object) -> str | None:
    """The number as the venue writes it, without trailing zeros."""
    return None if number is None else f"{Decimal(str(number)).normalize():f}"


def instruments_of(markets: Markets, ladders: Sequence[str]) -> dict[str, Instrument]:
    """Instruments by ladder, for ladders whose market is known with its first ladder."""
    found = {}
    for ladder in dict.fromkeys(ladders):
        market = markets.of(ladder)
        instrument = None if market is None else market.instrument()
        if instrument is not None:
            found[ladder] = instrument
    return found
