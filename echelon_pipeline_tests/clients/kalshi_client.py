"""pykalshi lists, reads books and pages trades of a sandbox.

Belongs here: calls of ``pykalshi`` only.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any


def _key_file(folder: str) -> str:
    """The client does not start without a key; public endpoints ignore it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = Path(folder) / "key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return str(path)


def main(base_url: str, now: int) -> dict[str, Any]:
    """Counts of what the client read. ``now``: the sandbox's Unix seconds."""
    from pykalshi import CandlestickPeriod, KalshiClient, MarketStatus  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as folder:
        client = KalshiClient(
            api_key_id="sandbox", private_key_path=_key_file(folder), api_base=f"{base_url}/trade-api/v2"
        )
        with client:
            markets = client.get_markets(status=MarketStatus.OPEN, limit=100, fetch_all=True, mve_filter="exclude")
            settled = client.get_markets(status=MarketStatus.SETTLED, limit=200, fetch_all=True)
            busiest = max(markets, key=lambda m: float(m.volume_fp or 0))
            trades = client.get_trades(limit=1000, min_ts=now - 3 * 86_400, fetch_all=True)
            window = {"start_ts": now - 2 * 86_400, "end_ts": now, "period": CandlestickPeriod.ONE_HOUR}
            batch = client.get_candlesticks_batch([m.ticker for m in markets[:20]], **window)
            book = busiest.get_orderbook()
            return {
                "markets": len({m.ticker for m in markets}),
                "settled": len({m.ticker for m in settled}),
                "trades": len({t.trade_id for t in trades}),
                "trades_listed": len(trades),
                "market_trades": len(busiest.get_trades(limit=100)),
                "candles": len(busiest.get_candlesticks(**window).candlesticks),
                "batch": len(batch),
                "book": bool(book.orderbook.yes_dollars or book.orderbook.no_dollars),
                "events": len(client.get_events(limit=200, with_nested_markets=True)),
                "series": len(client.get_all_series()),
                "combo_events": len(client.get_multivariate_events(limit=100)),
                "collections": len(client.get_mve_collections()),
                "historical": len(client.history.get_markets(limit=50)),
                "cutoff": client.history.get_cutoff().trades_created_ts,
                "trading": client.exchange.is_trading(),
            }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
