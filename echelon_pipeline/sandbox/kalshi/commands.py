"""Parses Kalshi's WebSocket commands, and refuses them with its error codes.

Belongs here: from text to a checked ``Command``; error codes (reference: Kalshi 7). Subscriptions belong in
``subscriptions.py``.
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
    """A refused command; ``body`` is the error frame."""

    def __init__(self, code: int, id_part: Obj, more: Obj | None = None, sid: int | None = None) -> None:
        super().__init__(ERRORS[code])
        of = {} if sid is None else {"sid": sid}
        self.body: Obj = id_part | {"type": "error"} | of | {"msg": {"code": code, "msg": ERRORS[code]} | (more or {})}


@dataclass
class Command:
    """A command with checked parameters. ``not_found``: error frames of unknown markets."""

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


def read(text: str, find: Find, find_id: Find) -> Command:
    """The command in a client's frame. Raises CommandError."""
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise CommandError(1, {}) from None
    if not isinstance(body, dict):
        raise CommandError(1, {})
    number = body.get("id")
    id_part = {"id": number} if type(number) is int and number > 0 else {}  # isinstance(True, int) is true
    command = Command(str(body.get("cmd")), id_part)
    if command.cmd not in ("subscribe", "unsubscribe", "update_subscription", "list_subscriptions"):
        raise command.error(5)
    if command.cmd == "list_subscriptions":
        return command
    params = body.get("params")
    if not isinstance(params, dict):
        raise command.error(2)
    if command.cmd == "unsubscribe":
        command.sids = _sids(command, params)
        return command
    _read_flags(command, params)
    _read_markets(command, params, find, find_id)
    _read_target(command, params)
    return command


def _sids(command: Command, params: Obj) -> list[int]:
    sids = params.get("sids")
    if not isinstance(sids, list) or not sids:
        raise command.error(4)
    if not all(type(sid) is int for sid in sids):
        raise command.error(11)
    return sids


def _read_flags(command: Command, params: Obj) -> None:
    for name, member in (
        ("use_yes_price", "in_yes_prices"),
        ("skip_ticker_ack", "is_terse"),
        ("send_initial_snapshot", "wants_snapshot"),
    ):
        value = params.get(name, False)
        if not isinstance(value, bool):
            raise command.error(11)
        setattr(command, member, value)


def _read_markets(command: Command, params: Obj, find: Find, find_id: Find) -> None:
    """Finds the rows of the markets, which a command names by one of four parameters."""
    names = [n for n in ("market_ticker", "market_tickers", "market_id", "market_ids") if n in params]
    if len(names) > 1:
        raise command.error(11)
    if not names:
        return
    value = params[names[0]]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise command.error(11)
    command.names_no_market = False
    key = names[0].removesuffix("s")
    for text in dict.fromkeys(texts):
        row = find_id(text) if key == "market_id" else find(text)
        if row is None:
            command.not_found.append(command.error(16, {key: text}).body)
        else:
            command.rows.append(row)


def _read_target(command: Command, params: Obj) -> None:
    """Reads the channels of a subscribe, or the sid and action of an update."""
    if command.cmd == "subscribe":
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise command.error(3)
        if any(channel not in CHANNELS for channel in channels):
            raise command.error(8)
        command.channels = list(dict.fromkeys(channels))
        if "orderbook_delta" in command.channels and command.names_no_market:
            raise command.error(14)
        return
    sids = [params["sid"]] if "sid" in params else params.get("sids")
    if not isinstance(sids, list) or len(sids) != 1 or ("sid" in params and "sids" in params):
        raise command.error(12)
    if type(sids[0]) is not int:
        raise command.error(11)
    command.sids, action = sids, params.get("action")
    if not action:
        raise command.error(15)
    if action not in ACTIONS:
        raise command.error(13)
    command.action = action
    if command.names_no_market:
        raise command.error(14)
