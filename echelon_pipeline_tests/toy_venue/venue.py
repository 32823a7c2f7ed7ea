"""The toy venue's registration, its group of settings and its stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from pydantic import Field

from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Message
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.settings.group import Group
from echelon_pipeline.tables import Feeder
from echelon_pipeline.venues.base import Facts, Levels, Probe, StreamProbe, Venue
from echelon_pipeline.venues.live import Feed
from echelon_pipeline.venues.ws import WsMetrics, WsPolicy, opened
from echelon_pipeline_tests.callback_feed import CallbackFeed
from echelon_pipeline_tests.toy_venue.rest import KINDS, opened_rest
from echelon_pipeline_tests.toy_venue.stream import change, read, renew, subscribe

NAME = "toy"


class ToySettings(Group):
    """Toy"""

    toy_url: str = Field("http://127.0.0.1:1", description="REST base of the toy venue.")
    toy_ws_url: str = Field("ws://127.0.0.1:1", description="WebSocket URL of the toy venue.")


def ours(settings: Settings) -> ToySettings:
    """The toy venue's part of the settings."""
    return cast("ToySettings", settings)


class ToyStream:
    """One public socket; no numbers, no compiled reader, no account."""

    tokens = 100
    quote_word = '"quote"'

    def feed(
        self,
        settings: Settings,
        number: int,
        instruments: Sequence[Instrument],
        metrics: WsMetrics,
        *,
        quotes: bool = False,
    ) -> Feed:
        url = ours(settings).toy_ws_url
        dial = partial(opened, url, name=NAME, policy=WsPolicy.of(settings), metrics=metrics)
        return CallbackFeed(NAME, number, url, tuple(instruments), dial, subscribe, renew, change, read, quotes=quotes)

    def own(self, settings: Settings, metrics: WsMetrics) -> Feed:  # noqa: ARG002
        raise BadSettings("the toy venue has no accounts")

    def reader(self, *, quotes: bool = False) -> Callable[[bytes], Message]:  # noqa: ARG002
        return read

    def is_frame(self, frame: Mapping[str, Any]) -> bool:
        return "toy" in frame

    def book(
        self,
        name: str,
        bids: Levels,
        asks: Levels,
        received_at: int,
        event_at: int | None,
        digest: str | None,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {"toy": "book", "market": name, "bids": list(bids), "asks": list(asks), "at": event_at or received_at}

    def decoder(self) -> None:
        return None

    def probe(self, settings: Settings) -> StreamProbe:
        return StreamProbe(NAME, ours(settings).toy_ws_url, {"want": []}, "ECHELON_TOY_WS_URL")


TOY = Venue(
    name=NAME,
    title="Toy",
    settings=ToySettings,
    kinds=KINDS,
    listing_kinds={"markets": KINDS["markets"]},
    rest=opened_rest,
    stream=ToyStream(),
    feeds={Feeder.TRADES: "Trades of the toy venue."},
    facts=Facts(has_trade_ids=True),
    payout_sources=("toy_market",),
    names_instruments_by="ticker",
    addresses=lambda settings: {"ECHELON_TOY_URL": ours(settings).toy_url},
    streams=lambda settings: {"ECHELON_TOY_WS_URL": ours(settings).toy_ws_url},
    probes=lambda settings: [Probe(NAME, f"{ours(settings).toy_url}/status", "ECHELON_TOY_URL")],
    sql=Path(__file__).parent / "sql",
)
