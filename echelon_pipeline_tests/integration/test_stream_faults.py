"""Many faults on both streams: every loss is a gap row, and every live and verified book equals the venue's.

Belongs here: recorder, derivation and sandbox together, with faults drawn from a seed. ``test_record.py`` tests single
faults.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from echelon_pipeline.lake.session import Session, Venue
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.streams.book_tables import derive_hour
from echelon_pipeline.streams.recordings import hours_due
from echelon_pipeline_tests.integration.test_record import PLAIN, control, feeds_of, recorded, truth
from echelon_pipeline_tests.pipeline import VENUES
from echelon_pipeline_tests.state_databases import intents_within

SEED = 20_261_121
FRAMES = {"ws_drop": 0.004, "ws_duplicate": 0.003, "ws_reorder": 0.003, "ws_garbage": 0.003, "ws_seq_gap": 0.003}
STRIDES = (2, 4, 8)  # simulated seconds of a turn
EVERY = 10  # turns between two faults of connections
FORCED = ("disconnect", "stall", "half_open", "disconnect")
BOOK_FAULT_KINDS = ("tick_change", "empty_bids", "empty_asks", "empty_book", "resolve")
SILENCE = 4.0  # seconds; a frozen stream is known by it alone
# Seconds after which a loss must have begun, with some for a busy machine.
NOTICED = {"stall": SILENCE + 8.0, "half_open": SILENCE + 8.0}
LOSSES: dict[Venue, set[str]] = {
    "kalshi": {"disconnect", "stall", "half_open", "drop", "duplicate", "reorder", "garbage", "seq_gap"},
    # Nothing numbers Polymarket's frames: what is missing is seen by the next hash, what comes twice does no harm.
    "polymarket": {"disconnect", "stall", "half_open", "garbage"},
}
Truth = tuple[list[tuple[int, int]], list[tuple[int, int]]]


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(SandboxOptions(events=6, instruments=24, trades=1_000, days=5)) as process:
        yield process


@pytest.fixture
def settings(sandbox: SandboxProcess, tmp_path: Path) -> Settings:
    quick = {"ECHELON_MIN_FREE_MB": "0", "ECHELON_WS_SILENCE": str(SILENCE), "ECHELON_WS_OPEN_TIMEOUT": "5"}
    return load_settings({**sandbox.env(), "ECHELON_HOME": str(tmp_path), **quick})


def campaign(sandbox: SandboxProcess, settings: Settings, least: int) -> list[tuple[int, dict[str, Truth]]]:
    """Records both venues until this many faults have hit; returns the venues' books at times in between."""
    chance = random.Random(SEED)
    names = [i.instrument_id for f in feeds_of(settings, "kalshi polymarket") for i in f.instruments]
    truths: list[tuple[int, dict[str, Truth]]] = []

    async def disturb() -> None:
        control(sandbox, "faults", faults=[f"{kind}={rate}" for kind, rate in FRAMES.items()])
        turn = 0
        while sum(control(sandbox, "ws/faults")["counts"].values()) < least:
            turn += 1
            await asyncio.to_thread(sandbox.advance, timedelta(seconds=chance.choice(STRIDES)))
            await asyncio.sleep(0.25)
            if turn % 4 == 0:
                some = chance.sample(names, 8)
                found = {name: await asyncio.to_thread(truth, sandbox, name) for name in some}
                truths.append((time.time_ns() // 1000, found))
            if turn % EVERY == 0:
                await asyncio.to_thread(_break, sandbox, FORCED[turn // EVERY % len(FORCED)])
                await asyncio.sleep(SILENCE + 1.0 if FORCED[turn // EVERY % len(FORCED)] in NOTICED else 0.2)
            if turn % 20 == 0:
                mark = {
                    "kind": BOOK_FAULT_KINDS[turn // 20 % len(BOOK_FAULT_KINDS)],
                    "instrument": chance.choice(names),
                    "seconds": 5,
                }
                await asyncio.to_thread(_mark, sandbox, mark)
        control(sandbox, "faults", faults=[])
        await asyncio.sleep(max(NOTICED.values()))
        for _ in range(4):
            await asyncio.to_thread(sandbox.advance, timedelta(seconds=2))
            await asyncio.sleep(0.3)

    recorded(settings, "kalshi polymarket", disturb)
    return truths


def _break(sandbox: SandboxProcess, kind: str) -> None:
    """Breaks the newest connection of each venue: an older half-open connection has no reader."""
    names = [name.rsplit("-", 1) for name in control(sandbox, "ws/connections")]
    for venue in VENUES:
        newest = max(int(number) for of, number in names if of == venue)
        control(sandbox, "ws/faults", kind=kind, connection=f"{venue}-{newest}")


def _mark(sandbox: SandboxProcess, mark: dict[str, Any]) -> None:
    # Refused where it would change nothing: a book that is empty already, a market that has ended.
    answer = httpx.post(f"{sandbox.base_url}/__sandbox__/ws/faults", json=mark, verify=PLAIN)
    assert answer.status_code in (200, 400)


def derived(settings: Settings) -> Session:
    """The tables derived from all recordings."""
    session = Session.of(settings)
    for venue in VENUES:
        for hour in hours_due(session, venue, intents_within(), datetime.now(UTC) + timedelta(hours=2)):
            derive_hour(session, hour)
    return session


def query(session: Session, table: str, text: str, *params: object) -> list[tuple[Any, ...]]:
    with session.duck() as connection:
        return connection.execute(f"SELECT {text.format(scan=f'({session.lake.scan(table)})')}", params).fetchall()


def check_books(
    session: Session, truths: list[tuple[int, dict[str, Truth]]], faults: list[dict[str, Any]]
) -> Counter[str]:
    """Compares live rows with the venue; returns the number of rows of each kind. If a Polymarket frame is lost and the
    next frame sets the same level again, the next hash matches and the loss leaves no trace. Such rows are counted
    apart."""
    met: Counter[str] = Counter()
    wanted = """state, is_verified, bid_prices, bid_sizes, ask_prices, ask_sizes, epoch_us(valid_from) FROM {scan}
        WHERE instrument_id = ? AND valid_from <= make_timestamp(?) AND valid_to > make_timestamp(?)"""
    for at, books in truths:
        for name, (bids, asks) in books.items():
            rows = query(session, "core.book_snapshots", wanted, name, at, at)
            assert len(rows) <= 1, (name, at)
            for state, is_verified, bid_prices, bid_sizes, ask_prices, ask_sizes, since in rows:
                if state != "live":
                    met[state] += 1
                    continue
                ours = [*zip(bid_prices, bid_sizes, strict=True)], [*zip(ask_prices, ask_sizes, strict=True)]
                kind = {True: "verified", False: "refuted", None: "unproved"}[is_verified]
                if ours != (bids, asks):
                    kind += " untraceably" if _untraceable(faults, name, since, at) else " differs"
                met[kind] += 1
    return met


def _untraceable(faults: list[dict[str, Any]], name: str, since: int, at: int) -> bool:
    """Whether a Polymarket frame was lost or late during the row."""
    return name.startswith("polymarket:") and any(
        fault["kind"] in ("drop", "reorder")
        and fault["instrument"] == name
        and since - 1_000_000 <= datetime.fromisoformat(fault["wall"]).timestamp() * 1e6 <= at
        for fault in faults
    )


def check_losses(session: Session, faults: list[dict[str, Any]]) -> Counter[str]:
    """Counts, by kind, the faults whose loss lies in a gap; after the end of trading there is no gap."""
    met: Counter[str] = Counter()
    asked = """count(*) FROM {scan} WHERE venue = $1 AND valid_from < $2::TIMESTAMPTZ AND valid_to > $3::TIMESTAMPTZ
        AND ($4 OR instrument_id = $5) AND state = 'unknown'"""
    gaps = """count(*) FROM {scan} WHERE venue = $1 AND from_at < $2::TIMESTAMPTZ AND to_at > $3::TIMESTAMPTZ
        AND ($4 OR instrument_id = $5)"""
    for fault in faults:
        venue: Venue = fault["venue"]
        if fault["kind"] not in LOSSES[venue]:
            continue
        at = datetime.fromisoformat(fault["wall"])
        until = at + timedelta(seconds=NOTICED.get(fault["kind"], 5.0))
        # A subscription's or a connection's loss is every book's; where it is one's alone, that one's.
        whole = venue == "kalshi" or fault["kind"] != "garbage"
        given = (venue, until, at, whole, fault["instrument"])
        [(told,)] = query(session, "core.book_gaps", gaps, *given)
        if not told and not whole:
            [(told,)] = query(session, "core.book_snapshots", f"{asked} AND reason = 'closed'", *given)
        met[f"{venue} {fault['kind']} {'told' if told else 'missed'}"] += 1
    return met


def check_rows(session: Session) -> None:
    """Rows of an instrument are consecutive; none begins before the previous row ends."""
    overlapping = """count(*) FROM (
        SELECT valid_from, lag(valid_to) OVER (PARTITION BY instrument_id ORDER BY valid_from) AS before FROM {scan}
    ) WHERE before > valid_from"""
    assert query(session, "core.book_snapshots", overlapping) == [(0,)]


def run(sandbox: SandboxProcess, settings: Settings, least: int) -> None:
    truths = campaign(sandbox, settings, least)
    log = control(sandbox, "ws/faults")
    session = derived(settings)
    check_rows(session)
    books, losses = check_books(session, truths, log["faults"]), check_losses(session, log["faults"])
    told = f"{sum(log['counts'].values())} faults {log['counts']}; books {dict(books)}; losses {dict(losses)}"
    assert sum(log["counts"].values()) >= least
    assert books["verified"] > sum(books.values()) / 5, told
    assert not books["verified differs"], told
    assert books["verified untraceably"] <= least / 100, told
    assert not [kind for kind in losses if kind.endswith("missed")], told


def test_every_loss_of_some_faults_is_a_gap_and_verified_books_are_the_venues(
    sandbox: SandboxProcess, settings: Settings
) -> None:
    run(sandbox, settings, 30)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_every_loss_of_a_thousand_faults_is_a_gap_and_verified_books_are_the_venues(
    sandbox: SandboxProcess, settings: Settings
) -> None:
    run(sandbox, settings, 1_000)
