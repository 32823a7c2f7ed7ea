"""Options of the sandbox.

Belongs here: one dataclass with the defaults, shared by the command, ``python -m`` and the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

KALSHI_PATH, MARKET_PATH, USER_PATH = "/trade-api/ws/v2", "/ws/market", "/ws/user"  # WebSocket paths
DEFAULT_NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class SandboxOptions:
    """``universe``: ``synthetic`` or ``recorded`` (then ``recordings`` names the folder).

    ``events``, ``instruments``, ``trades``: numbers for both venues together at ``now``; ``days``: days of trades and
    prices before ``now``; ``horizon_days``: days that the clock may be advanced. ``faults``: see ``faults.FaultPlan``.
    ``kalshi_key``: PEM file of the key that Kalshi's WebSocket accepts (default: ``keys.key_file``).
    ``capture``: a recorded WebSocket stream that is played instead of its venue's; ``capture_numbers``: see
    ``playback.py``.
    ``behind``: seconds before ``now`` at which the clock of a generated universe starts; its content stays the same.
    ``book_ms``: milliseconds between two steps of the fastest order books; divides a minute.
    """

    universe: Literal["synthetic", "recorded"] = "synthetic"
    recordings: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    events: int = 300
    instruments: int = 2000
    days: int = 120
    trades: int = 200_000
    seed: int = 7
    now: datetime | None = None
    horizon_days: int = 14
    behind: int = 0
    speed: float = 0.0
    book_ms: int = 500
    limits: Literal["real", "off"] = "off"
    faults: tuple[str, ...] = ()
    kalshi_key: Path | None = None
    capture: Path | None = None
    capture_numbers: Literal["renumbered", "recorded"] = "renumbered"
