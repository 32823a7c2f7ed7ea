"""The toy venue on loopback: two markets, two trades a page, a book and a trade for each market that is asked for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MARKETS = [{"id": name, "title": f"Will there be {name.lower()}?", "status": "active"} for name in ("RAIN", "SNOW")]
TRADES = {
    market["id"]: [
        {
            "id": f"{market['id']}-{n}",
            "market": market["id"],
            "price": "0.40",
            "size": str(n + 1),
            "side": "yes",
            "at": (NOW - timedelta(hours=n + 1)).isoformat(),
        }
        for n in range(3)
    ]
    for market in MARKETS
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        body = json.dumps(answer(url.path, {k: v[0] for k, v in parse_qs(url.query).items()})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """A server of tests says nothing."""


def answer(path: str, query: dict[str, str]) -> object:
    """What the venue answers; trades come two a page, newest first."""
    if path == "/markets":
        ids = query.get("ids", "").split(",")
        return {"rows": [m for m in MARKETS if "ids" not in query or m["id"] in ids]}
    if path == "/trades":
        first, rows = int(query.get("cursor", 0)), TRADES[query["market"]]
        return {"rows": rows[first : first + 2], "next": str(first + 2) if first + 2 < len(rows) else None}
    return {"open": True}


def _stream(connection: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        for text in connection:
            wanted = json.loads(text).get("want", []) if str(text).startswith("{") else []
            at = time.time_ns() // 1_000
            for market in wanted:
                bids, asks = [["0.39", "10"]], [["0.41", "5"], ["0.45", "7"]]
                connection.send(json.dumps({"toy": "book", "market": market, "bids": bids, "asks": asks, "at": at}))
                trade = {"price": "0.41", "size": "2", "buys": True, "id": f"{market}-live", "at": at}
                connection.send(json.dumps({"toy": "trade", "market": market, **trade}))
            if not wanted:
                connection.send(json.dumps({"toy": "welcome", "market": "", "at": at}))


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The venue; the variables that say where it is."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    with serve(_stream, "127.0.0.1", 0) as sockets:
        for server in (http, sockets):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "ECHELON_TOY_URL": f"http://127.0.0.1:{http.server_port}",
            "ECHELON_TOY_WS_URL": f"ws://127.0.0.1:{sockets.socket.getsockname()[1]}",
        }
        sockets.shutdown()
    http.shutdown()
    http.server_close()
