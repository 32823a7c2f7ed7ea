"""``echelon record``, ``replay`` and ``book``: order books from the venues' streams, without Dagster.

Belongs here: options and printed output. Recording and replay are in ``streams/``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from echelon_pipeline import stopping
from echelon_pipeline.commands.common import fail, out, prepared, warn
from echelon_pipeline.commands.demo import environment_of
from echelon_pipeline.commands.work import VenueName
from echelon_pipeline.domain.instrument_id import InstrumentId
from echelon_pipeline.errors import Permanent
from echelon_pipeline.ingest.homes import claimed_universe
from echelon_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from echelon_pipeline.state.holding import Hold
    from echelon_pipeline.streams.record import Recorded
    from echelon_pipeline.streams.selection import Watchable
    from echelon_pipeline.venues.live import Feed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RECORDER = "echelon record"  # name of its lease
RECORD_END = 10.0  # seconds that a recording may take to close its segments; frames are durable within one second


def record(
    instrument: Annotated[
        list[str] | None,
        typer.Argument(
            show_default=False, help="Instruments, e.g. kalshi:KXFED-26DEC-T4.00. Default: the most traded."
        ),
    ] = None,
    venue: Annotated[list[VenueName] | None, typer.Option(help="Only this venue; may be repeated.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Without named instruments: how many of the most traded.")] = 50,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Seconds to record. Default: until Ctrl-C.")] = None,
) -> None:
    """Record live order books: every frame of the venues' streams, durable within a second."""
    from echelon_pipeline.state.database import State
    from echelon_pipeline.state.holding import hold_lease
    from echelon_pipeline.state.listeners import Listeners
    from echelon_pipeline.state.tables import RECORD
    from echelon_pipeline.streams.segments import last_write, left_open, recover
    from echelon_pipeline.streams.selection import watchable

    with venues_of_home(prepared()) as settings:
        chosen = watchable(settings, [v.value for v in venue or VenueName], ids=instrument or (), most=top)
        if not chosen:
            raise fail("no open instrument to record; `echelon ingest` updates the venues' listings")
        root = settings.capture_root
        # Epochs of later recordings are larger. Recordings older than this lease used seconds as their epochs.
        with hold_lease(settings, RECORDER, wait=0, at_least=int(time.time())) as hold, State.of(settings) as state:
            listeners = Listeners(state)
            last = last_write(root, RECORD)
            for path in left_open(root, RECORD, before=hold.epoch):  # by a recorder that died or lost its lease
                recover(path)
            # The intent of the previous recorder ends with its last write.
            listeners.record_by_hand(hold.guard, [], at=_EPOCH if last is None else last)
            listeners.record_by_hand(hold.guard, [w.instrument_id for w in chosen])
            try:
                stop = asyncio.Event()
                done, refused = stopping.run(
                    _record(settings, chosen, hold, seconds, stop), on_signal=stop.set, patience=RECORD_END
                )
            finally:
                listeners.record_by_hand(hold.guard, [])
            _show(done, root)
            if nothing := [v for v in refused if not any(r.frames for n, r in done.items() if n.startswith(f"{v} "))]:
                raise fail("; ".join(f"no frame of {v} was recorded: {refused[v]}" for v in nothing))


@contextmanager
def venues_of_home(settings: Settings) -> Iterator[Settings]:
    """The settings. For a demo's home: starts its sandbox with a running clock, and gives settings that point to it."""
    universe = claimed_universe(settings.home)
    if universe is None:
        yield settings
        return
    from echelon_pipeline.sandbox.server.process import SandboxProcess

    with SandboxProcess(**{**universe, "speed": 1.0}) as sandbox:
        yield load_settings({**os.environ, **environment_of(sandbox), "ECHELON_HOME": str(settings.home)})


async def _record(
    settings: Settings, chosen: Sequence[Watchable], hold: Hold, seconds: float | None, stop: asyncio.Event
) -> tuple[dict[str, Recorded], dict[str, str]]:
    """Records until ``stop``. Gives what was recorded by feed, and by venue why a feed was refused. A refused feed of
    one venue does not end the feeds of another."""
    from echelon_pipeline.state.tables import RECORD
    from echelon_pipeline.streams.feeds import feeds_of, instrument_of
    from echelon_pipeline.streams.record import Pace, Recorded
    from echelon_pipeline.streams.record import record as record_feed
    from echelon_pipeline.venues.ws import WsMetrics, WsPolicy

    metrics = WsMetrics()
    refused: dict[str, str] = {}

    @contextmanager
    def refusals(venue: str) -> Iterator[None]:
        try:
            yield
        except Permanent as error:  # a missing, unusable or refused key
            refused[venue] = str(error)
            warn(f"{venue}: {error}")

    feeds = []
    for venue in dict.fromkeys(InstrumentId.parse(w.instrument_id).venue for w in chosen):
        with refusals(venue):
            some = [instrument_of(w) for w in chosen if InstrumentId.parse(w.instrument_id).venue == venue]
            feeds += feeds_of(settings, some, metrics)
    done = {f"{feed.venue} {feed.number}": Recorded() for feed in feeds}
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, stop.set)
    policy, pace = WsPolicy.of(settings), Pace.of(settings)

    async def one(feed: Feed, recorded: Recorded) -> None:
        with refusals(feed.venue):
            await record_feed(
                feed,
                settings.capture_root,
                listener=RECORD,
                epoch=hold.epoch,
                fence=hold.check,
                stop=stop,
                policy=policy,
                pace=pace,
                recorded=recorded,
            )

    try:
        async with asyncio.TaskGroup() as group:
            for feed, recorded in zip(feeds, done.values(), strict=True):
                group.create_task(one(feed, recorded))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # the other feeds were cancelled because of it
    return done, refused


def _show(done: dict[str, Recorded], root: Path) -> None:
    table = Table(
        "feed", "connections", "frames", "books requested", "segments", "MB", "slowest flush s", title=str(root)
    )
    for name, recorded in done.items():
        size = sum(path.stat().st_size for path in recorded.segments) / 1e6
        counts = (recorded.connections, recorded.frames, recorded.renewed, len(recorded.segments))
        table.add_row(name, *map(str, counts), f"{size:.2f}", f"{recorded.slowest_flush:.3f}")
    out().print(table)


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True, dir_okay=False, show_default=False, help="Segment files. Default: all segments of the home."
        ),
    ] = None,
) -> None:
    """Rebuild books from recorded segments and show which books are valid."""
    from echelon_pipeline.streams.chains import chains
    from echelon_pipeline.streams.replay import replay as replay_feed

    table = Table("feed", "connections", "frames", "rows", "events", "gaps", "hashes", "books at the end", "met")
    for chain in chains(_segments(files)):
        feed = replay_feed(chain)
        table.add_row(
            f"{feed.venue} {feed.listener} {feed.feed}, epoch {feed.epoch}",
            str(feed.connections),
            str(feed.frames),
            str(feed.rows),
            *(_counted(c.items()) for c in (feed.events, feed.gaps, feed.hashes, feed.states, feed.met)),
        )
    out().print(table)


def book(
    instrument: Annotated[str, typer.Argument(help="An instrument, e.g. kalshi:KXFED-26DEC-T4.00.")],
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"],
            metavar="TIME",
            help="Time, UTC, like 2026-11-20T11:58:30Z. Default: time of the last frame.",
        ),
    ] = None,
    levels: Annotated[int, typer.Option(min=1, max=25, help="Number of levels per side.")] = 10,
) -> None:
    """Show the order book of an instrument as known at a given time."""
    from echelon_pipeline.domain.scaled import decimal_text
    from echelon_pipeline.streams.replay import book_of

    until = None if at is None else (at.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) + 1
    row = book_of(_segments(None), instrument, until=until)
    if row is None:
        raise fail(f"no frame of {instrument} was received before {at}")
    table = Table("bid size", "bid", "ask", "ask size", title=f"{instrument}: {row.state} {row.reason or ''}".rstrip())
    for n in range(min(levels, max(len(row.bids), len(row.asks)))):
        bid = map(decimal_text, reversed(row.bids[n])) if n < len(row.bids) else ("", "")
        ask = map(decimal_text, row.asks[n]) if n < len(row.asks) else ("", "")
        table.add_row(*bid, *ask)
    out().print(table)


def _segments(files: list[Path] | None) -> list[Path]:
    from echelon_pipeline.streams.segments import segments

    paths = files or segments(prepared().capture_root)
    if not paths:
        raise fail("there are no recordings yet: run `echelon record`")
    return paths


def _counted(items: Iterable[tuple[str, int]]) -> str:
    return "\n".join(f"{name} {count:,}" for name, count in sorted(items) if count)
