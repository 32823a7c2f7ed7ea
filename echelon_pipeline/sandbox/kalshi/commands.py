"""Reading Kalshi's WebSocket commands, and refusing them in its words.

Belongs here: one command's text made into a checked ``Asked``; error codes (reference: Kalshi 7). No subscriptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

Obj = dict[str, Any]
Find = Callable[[str], int | None]
ERRORS = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    6: "Already subscribed",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    16: "Market not found",
    25: "Subscription buffer overflow",
}
CHANNELS = (
    *("orderbook_delta", "ticker", "trade", "fill", "market_positions", "user_orders", "order_group_updates"),
    *("market_lifecycle_v2", "multivariate_market_lifecycle", "communications"),
    *("cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"),
)
ACTIONS = ("add_markets", "delete_markets", "get_snapshot")


class CommandError(Exception):
    """An error frame; ``body`` is what the client gets."""

    def __init__(self, code: int, id_part: Obj, more: Obj | None = None, sid: int | None = None) -> None:
        super().__init__(ERRORS[code])
        of = {} if sid is None else {"sid": sid}
        self.body: Obj = id_part | {"type": "error"} | of | {"msg": {"code": code, "msg": ERRORS[code]} | (more or {})}


@dataclass
class Asked:
    """A command whose parameters are known to be right. ``not_found``: error frames of markets nobody knows."""

    cmd: str
    id_part: Obj
    channels: list[str] = field(default_factory=list)
    sids: list[int] = field(default_factory=list)
    action: str = ""
    rows: list[int] = field(default_factory=list)
    not_found: list[Obj] = field(default_factory=list)
    names_no_market: bool = True
    in_yes_prices: bool = False
    is_terse: bool = False
    wants_snapshot: bool = False

    def error(self, code: int, more: Obj | None = None) -> CommandError:
        return CommandError(code, self.id_part, more)


def read(text: str, find: Find, find_id: Find) -> Asked:
    """The command in a client's frame. Raises CommandError."""
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise CommandError(1, {}) from None
    if not isinstance(body, dict):
        raise CommandError(1, {})
    number = body.get("id")
    id_part = {"id": number} if type(number) is int and number > 0 else {}  # true is an int to isinstance
    asked = Asked(str(body.get("cmd")), id_part)
    if asked.cmd not in ("subscribe", "unsubscribe", "update_subscription", "list_subscriptions"):
        raise asked.error(5)
    if asked.cmd == "list_subscriptions":
        return asked
    params = body.get("params")
    if not isinstance(params, dict):
        raise asked.error(2)
    if asked.cmd == "unsubscribe":
        asked.sids = _sids(asked, params)
        return asked
    _read_flags(asked, params)
    _read_markets(asked, params, find, find_id)
    _read_target(asked, params)
    return asked


def _sids(asked: Asked, params: Obj) -> list[int]:
    sids = params.get("sids")
    if not isinstance(sids, list) or not sids:
        raise asked.error(4)
    if not all(type(sid) is int for sid in sids):
        raise asked.error(11)
    return sids


def _read_flags(asked: Asked, params: Obj) -> None:
    for name, member in (
        ("use_yes_price", "in_yes_prices"),
        ("skip_ticker_ack", "is_terse"),
        ("send_initial_snapshot", "wants_snapshot"),
    ):
        value = params.get(name, False)
        if not isinstance(value, bool):
            raise asked.error(11)
        setattr(asked, member, value)


def _read_markets(asked: Asked, params: Obj, find: Find, find_id: Find) -> None:
    """Rows of the markets named in one of four ways."""
    names = [n for n in ("market_ticker", "market_tickers", "market_id", "market_ids") if n in params]
    if len(names) > 1:
        raise asked.error(11)
    if not names:
        return
    value = params[names[0]]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise asked.error(11)
    asked.names_no_market = False
    key = names[0].removesuffix("s")
    for text in dict.fromkeys(texts):
        row = find_id(text) if key == "market_id" else find(text)
        if row is None:
            asked.not_found.append(asked.error(16, {key: text}).body)
        else:
            asked.rows.append(row)


def _read_target(asked: Asked, params: Obj) -> None:
    """Channels of a subscribe; sid and action of an update."""
    if asked.cmd == "subscribe":
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise asked.error(3)
        if any(channel not in CHANNELS for channel in channels):
            raise asked.error(8)
        asked.channels = list(dict.fromkeys(channels))
        if "orderbook_delta" in asked.channels and asked.names_no_market:
            raise asked.error(14)
        return
    sids = [params["sid"]] if "sid" in params else params.get("sids")
    if not isinstance(sids, list) or len(sids) != 1 or ("sid" in params and "sids" in params):
        raise asked.error(12)
    if type(sids[0]) is not int:
        raise asked.error(11)
    asked.sids, action = sids, params.get("action")
    if not action:
        raise asked.error(15)
    if action not in ACTIONS:
        raise asked.error(13)
    asked.action = action
    if asked.names_no_market:
        raise asked.error(14)
