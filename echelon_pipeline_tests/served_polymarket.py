"""A Polymarket of given bodies on loopback, and what the pipeline makes of it.

Belongs here: the shortest way for tests to serve records of their own by HTTP and run the real steps on them. The
sandbox serves universes of its own making; here every byte is the test's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Session
from echelon_pipeline.marts.refresh import Refresh
from echelon_pipeline.settings import load_settings

Body = dict[str, Any]
Query = dict[str, list[str]]


@dataclass(frozen=True)
class Refusal:
    """An answer that is none: a status and the venue's words."""

    status: int
    body: Body


@dataclass
class Polymarket:
    """What is served now. ``lists_closed``: closed markets are still in the listing of recently closed ones.

    ``prices``: points of a token's history. ``asked``: condition ids (tokens of prices) by the endpoint that was asked
    about them, in order.
    """

    events: list[Body] = field(default_factory=list)
    markets: list[Body] = field(default_factory=list)
    trades: list[Body] = field(default_factory=list)
    resolutions: list[Body] = field(default_factory=list)
    prices: dict[str, list[Body]] = field(default_factory=dict)
    lists_closed: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, query: Query) -> object:
        """The body of one answer, as the venue nests it."""
        if path == "/gamma/markets/keyset":
            return {"markets": self._listed(query), "next_cursor": None}
        if path == "/gamma/events/keyset":
            wanted = query.get("closed", ["false"]) == ["false"] and "id" not in query
            return {"events": self.events if wanted else [], "next_cursor": None}
        if path == "/data/v2/trades":
            rows = self._of(self.trades, "trades", query, "condition", "condition_id")
            return {"data": rows, "pagination": {"has_more": False, "next_cursor": None}}
        if path == "/data/v2/resolutions":
            return {"data": self._of(self.resolutions, "resolutions", query, "condition", "condition_id")}
        if path == "/clob/batch-prices-history":
            tokens = query["markets"]
            self.asked += [("prices", token) for token in tokens]
            return {"history": {token: self.prices[token] for token in tokens if token in self.prices}}
        if path.startswith("/data/v2/"):
            return {"data": [], "pagination": {"has_more": False, "next_cursor": None}}
        return []

    def _listed(self, query: Query) -> list[Body]:
        closed = query.get("closed") == ["true"]
        found = [m for m in self.markets if bool(m.get("closed")) == closed]
        if "condition_ids" in query:
            ids = [i for text in query["condition_ids"] for i in text.split(",")]
            self.asked += [("markets", i) for i in ids]
            return [m for m in found if m["conditionId"] in ids]
        return [] if closed and not self.lists_closed else found

    def _of(self, rows: list[Body], endpoint: str, query: Query, name: str, key: str) -> list[Body]:
        if name not in query:
            return rows
        ids = [i for text in query[name] for i in text.split(",")]
        self.asked += [(endpoint, i) for i in ids]
        return [r for r in rows if r[key] in ids]


@contextmanager
def served(venue: Polymarket) -> Iterator[Polymarket]:
    """Serves the venue until the block ends; ``url`` says where."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self._send({"markets": body.get("markets", [])})

        def _send(self, posted: Query | None = None) -> None:
            asked = urlsplit(self.path)
            answer = venue.answer(asked.path, parse_qs(asked.query) | (posted or {}))
            body = json.dumps(answer.body if isinstance(answer, Refusal) else answer).encode()
            self.send_response(answer.status if isinstance(answer, Refusal) else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the tests look at what was asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    venue.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield venue
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Home:
    """A home that reads this venue alone. Clocks are frozen at the time of each step."""

    folder: Path
    venue: Polymarket

    def session(self, at: str, **more: str) -> Session:
        """A session whose clock stands at ``at``."""
        return Session.of(load_settings(self.env(at, **more)))

    def env(self, at: str, **more: str) -> dict[str, str]:
        """The environment of a process that reads this venue, its clock frozen at ``at``."""
        urls = {name: f"{self.venue.url}/{path}" for name, path in _URLS.items()}
        return {
            "ECHELON_HOME": str(self.folder),
            "ECHELON_NOW": at,
            "ECHELON_RATE_SCALE": "100000",
            "ECHELON_HTTP_RETRIES": "0",
            "ECHELON_MIN_FREE_MB": "0",
            "KALSHI_BASE_URL": self.venue.url,
            **urls,
            **more,
        }

    def poll(self, at: str, **more: str) -> Session:
        """Lists and derives what is served now."""
        session = self.session(at, **more)
        main.fetch(session, "polymarket")
        main.derive(session, "polymarket")
        return session

    def ingest(self, at: str, days: Sequence[date] = (), **more: str) -> Session:
        """Everything of this venue but fills, as a run does it: listing, trades, prices, resolutions."""
        session = self.poll(at, **more)
        wanted = list(days) or [session.clock().date()]
        main.trades(session, "polymarket", wanted)
        main.prices(session, "polymarket", wanted)
        main.data_resolutions(session, "polymarket")
        return session

    def refresh(self, session: Session, *marts: str) -> None:
        """Builds these marts where they are stale, inputs first; all of them where none is named."""
        list(Refresh(session.settings).run(marts))


_URLS = {"POLYMARKET_GAMMA_URL": "gamma", "POLYMARKET_API_URL": "clob", "ECHELON_POLYMARKET_DATA_URL": "data"}


def condition(number: int) -> str:
    """A condition id of 64 hex digits."""
    return f"0x{number:064x}"


def market(number: int, **changed: object) -> Body:
    """An open market of Gamma with tokens <number>11 and <number>12; ``changed``: other values."""
    return {
        "id": str(9000 + number),
        "conditionId": condition(number),
        "question": f"Question {number}?",
        "slug": f"question-{number}",
        "outcomes": '["Yes","No"]',
        "outcomePrices": '["0.4","0.6"]',
        "clobTokenIds": f'["{number}11", "{number}12"]',
        "active": True,
        "closed": False,
        "archived": False,
        "acceptingOrders": True,
        "startDate": "2026-11-01T00:00:00Z",
        "endDate": "2026-12-31T00:00:00Z",
        "createdAt": "2026-11-01T00:00:00Z",
        "volume": "1000",
        "volumeNum": 1000,
        "volume24hr": 100,
        "bestBid": 0.39,
        "bestAsk": 0.41,
        "lastTradePrice": 0.4,
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "negRisk": False,
        "version": "v1",
        **changed,
    }


def trade(number: int, token: str, at: str, price: float, size: float, side: str = "BUY") -> Body:
    """A taker's print; transaction hashes differ by time and token."""
    seconds = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp())
    return {
        "transaction_hash": f"0x{seconds:056x}{int(token):08x}",
        "token_id": token,
        "condition_id": condition(number),
        "proxy_wallet": "0x" + "ab" * 20,
        "side": side,
        "price": price,
        "size": size,
        "timestamp": seconds,
    }


def rows(session: Session, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """Rows of a lake table, ordered by the columns asked for."""
    with session.duck() as connection:
        return connection.execute(
            f"SELECT {columns} FROM ({session.lake.scan(table)}) WHERE {where} ORDER BY ALL"
        ).fetchall()
