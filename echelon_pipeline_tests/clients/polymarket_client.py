"""Polymarket's official client lists, reads books and pages trades of a sandbox.

Belongs here: calls of ``polymarket-client`` only. A log line of the client from WARNING up is an error.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from itertools import islice
from typing import Any


class LogErrors(logging.Handler):
    """Collects the client's log lines."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main(base_url: str, builder_code: str) -> dict[str, Any]:
    """Counts of what the client read."""
    from polymarket import environments  # type: ignore[import-not-found]
    from polymarket.clients.public import PublicClient  # type: ignore[import-not-found]

    complaints = LogErrors()
    logging.getLogger().addHandler(complaints)
    config = dataclasses.replace(
        environments.PRODUCTION._config,
        gamma_url=f"{base_url}/gamma",
        clob_url=f"{base_url}/clob",
        data_url=f"{base_url}/data",
    )
    environment = environments._create_environment(name="sandbox", config=config)
    with PublicClient(environment) as client:
        markets = list(client.list_markets(closed=False, page_size=100).iter_items())
        settled = list(islice(client.list_markets(closed=True, page_size=100).iter_items(), 300))
        events = list(islice(client.list_events(page_size=50).iter_items(), 120))
        pairs = [(m.version, outcome) for m in markets for outcome in (m.outcomes.yes, m.outcomes.no)]
        tokens = [o.position_id if version == "v2" else o.token_id for version, o in pairs]
        books = client.get_order_books(asset_ids=tokens[:40])
        trades = list(islice(client.list_trades(page_size=1000).iter_items(), 2500))
        builder = list(islice(client.list_builder_trades(builder_code=builder_code).iter_items(), 700))
        history = client.list_price_history(asset_id=tokens[0], interval="1w", bucket_seconds=3600).first_page()
        conditions = [m.condition_id for m in markets[:10]]
        return {
            "markets": len({m.id for m in markets}),
            "settled": len({m.id for m in settled}),
            "events": len({e.id for e in events}),
            "books": len(books),
            "ordered_books": sum(b.bids[-1].price < b.asks[-1].price for b in books if b.bids and b.asks),
            "midpoint": str(client.get_midpoint(asset_id=tokens[0])),
            "price": str(client.get_price(asset_id=tokens[0], side="BUY")),
            "trades": len(trades),
            "builder_trades": len(builder),
            "points": len(history.items),
            "tokens": len(client.get_token_references(condition_ids=conditions)),
            "resolutions": len(client.get_resolutions(condition_ids=conditions)),
            "leaderboard": len(list(client.list_builder_leaderboard().iter_items())),
            "volumes": len(client.get_builder_volumes()),
            "tags": len(list(client.list_tags().iter_items())),
            "series": len(list(client.list_series().iter_items())),
            "sports": len(client.get_sports()),
            "complaints": complaints.lines,
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2])))
