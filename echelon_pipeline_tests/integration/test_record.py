"""Recording from the sandbox: what is replayed is what the venues' books were, or says that it is not.

Belongs here: venues, connections, log and books together. Each alone is tested in ``unit/``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from echelon_pipeline.books.arrow import Batches, rows_of_batch
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Facts
from echelon_pipeline.books.rows import BookRow, BookState, Reason
from echelon_pipeline.cli import app
from echelon_pipeline.commands import stream
from echelon_pipeline.domain.scaled import decimal_text, scaled
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.ops.stream_probes import probe_streams
from echelon_pipeline.ops.venue_probes import Level
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.server.process import SandboxProcess
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state import database as states
from echelon_pipeline.state.holding import hold_lease
from echelon_pipeline.state.listeners import Listeners
from echelon_pipeline.streams import feeds
from echelon_pipeline.streams.chains import chains
from echelon_pipeline.streams.feeds import feeds_of as needed_feeds
from echelon_pipeline.streams.record import Pace, Recorded, record
from echelon_pipeline.streams.replay import Replayed, replay
from echelon_pipeline.streams.segments import CLOSED, recover, segments
from echelon_pipeline.venues.live import Feed
from echelon_pipeline.venues.ws import WsMetrics, WsPolicy
from echelon_pipeline_tests.rows import row, staged

UNIVERSE = SandboxOptions(events=8, instruments=40, trades=2_000, days=5)
FAST = WsPolicy(open_timeout=5.0, backoff=0.05, backoff_max=0.1, silence=5.0)
PACE = Pace(flush=0.05, renew=0.1)
Gap = dict[str, Any]
# Nothing is asked over TLS; a request without it loads all certificates, which takes longer than the answer.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(UNIVERSE) as process:
        yield process


@pytest.fixture
def settings(sandbox: SandboxProcess, tmp_path: Path) -> Settings:
    return load_settings({**sandbox.env(), "ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"})


def control(sandbox: SandboxProcess, path: str, **body: Any) -> Any:
    url = f"{sandbox.base_url}/__sandbox__/{path}"
    answer = httpx.post(url, json=body, verify=PLAIN) if body else httpx.get(url, verify=PLAIN)
    answer.raise_for_status()
    return answer.json()


def kalshi_instruments(settings: Settings) -> list[Instrument]:
    query = {"status": "open", "mve_filter": "exclude", "limit": "200"}
    markets = (
        httpx.get(f"{settings.kalshi_rest}/markets", params=query, verify=PLAIN).raise_for_status().json()["markets"]
    )
    return [Instrument(f"kalshi:{m['ticker']}", (m["ticker"],)) for m in markets]


def polymarket_instruments(settings: Settings) -> list[Instrument]:
    query = {"closed": "false", "limit": "100"}
    answer = (
        httpx.get(f"{settings.polymarket_gamma_url}/markets/keyset", params=query, verify=PLAIN)
        .raise_for_status()
        .json()
    )
    return [
        Instrument(f"polymarket:{m['conditionId']}", tuple(json.loads(m["clobTokenIds"])), None, _facts(m))
        for m in answer["markets"]
        if m.get("clobTokenIds") and _has_book(settings, json.loads(m["clobTokenIds"])[0])
    ]


def _has_book(settings: Settings, token: str) -> bool:
    """Combos have none."""
    return httpx.get(f"{settings.polymarket_api_url}/book", params={"token_id": token}, verify=PLAIN).status_code == 200


def _facts(market: dict[str, Any]) -> Facts:
    sizes = (str(market["orderMinSize"]), str(market["orderPriceMinTickSize"]))
    return Facts(market["conditionId"], *sizes, bool(market.get("negRisk")))


def feeds_of(settings: Settings, venues: str) -> list[Feed]:
    wanted = kalshi_instruments(settings) if "kalshi" in venues else []
    wanted += polymarket_instruments(settings) if "polymarket" in venues else []
    return needed_feeds(settings, wanted, WsMetrics())


def recorded(settings: Settings, venues: str, work: Callable[[], Awaitable[None]]) -> list[Recorded]:
    """Records feeds of the venues while ``work`` is done, from the moment that every feed has frames."""
    wanted = feeds_of(settings, venues)
    done = [Recorded() for _ in wanted]

    async def main() -> None:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for feed, result in zip(wanted, done, strict=True):
                given: dict[str, Any] = {"policy": FAST, "pace": PACE, "recorded": result, "stop": stop}
                group.create_task(record(feed, settings.capture_root, listener="t", epoch=1, **given))
            async with asyncio.timeout(20):
                while not all(r.frames for r in done):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
            await work()
            stop.set()

    asyncio.run(main())
    return done


def replayed(settings: Settings) -> tuple[list[Replayed], dict[str, list[BookRow]], dict[str, list[Gap]]]:
    """All feeds, with their rows and gaps by instrument."""
    rows: dict[str, list[BookRow]] = {}
    gaps: dict[str, list[Gap]] = {}

    def see(told: Batches) -> None:
        for one in rows_of_batch(told.rows):
            rows.setdefault(one.instrument_id, []).append(one)
        for gap in told.gaps.to_pylist():
            gaps.setdefault(gap["instrument_id"], []).append(gap)

    assert {p.suffix for p in segments(settings.capture_root)} == {CLOSED}
    return [replay(f, see=see) for f in chains(segments(settings.capture_root))], rows, gaps


def truth(sandbox: SandboxProcess, instrument_id: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The venue's own book now: bids and asks, best first, 25 levels."""
    book = control(sandbox, f"book?instrument={instrument_id}")
    bids, asks = ([(scaled(p), scaled(s)) for p, s in book[side]][:25] for side in ("bids", "asks"))
    return bids, asks


def test_every_book_at_the_end_is_the_venues_own(sandbox: SandboxProcess, settings: Settings) -> None:
    async def move() -> None:
        for _ in range(8):
            await asyncio.to_thread(sandbox.advance, timedelta(seconds=5))
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)

    recorded(settings, "kalshi polymarket", move)
    told, _, gaps = replayed(settings)
    assert [t.venue for t in told] == ["kalshi", "polymarket"]
    for feed in told:
        assert feed.events["Change"] > 100
        assert set(feed.states) == {"live"}
        assert not feed.events["Unreadable"]
        for name, book in feed.books.items():
            assert (list(book.bids), list(book.asks)) == truth(sandbox, name), name
    assert told[1].hashes["hits"] > 50
    assert not told[1].hashes["misses"]
    assert {gap["reason"] for some in gaps.values() for gap in some} == {Reason.BEFORE_SNAPSHOT}


@pytest.mark.parametrize(
    ("venue", "kinds"),
    [
        ("kalshi", ("drop", "duplicate", "reorder", "garbage", "seq_gap", "disconnect")),
        ("polymarket", ("garbage", "disconnect", "duplicate")),
    ],
)
def test_no_book_that_says_live_differs_from_the_venues_whatever_happens_to_frames(
    sandbox: SandboxProcess, settings: Settings, venue: str, kinds: tuple[str, ...]
) -> None:
    """Seen afterwards: a frame that is missing is known by the next one, and what lay between is not believed."""
    truths: list[tuple[int, dict[str, Any]]] = []
    names = [i.instrument_id for feed in feeds_of(settings, venue) for i in feed.instruments]

    async def disturb() -> None:
        for number in range(12 if venue == "kalshi" else 6):
            if number % 2:  # a fault takes the moments before it with it
                await asyncio.to_thread(control, sandbox, "ws/faults", kind=kinds[number // 2 % len(kinds)])
            for _ in range(2):
                await asyncio.to_thread(sandbox.advance, timedelta(seconds=2))
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.2)
            found = {name: await asyncio.to_thread(truth, sandbox, name) for name in names}
            truths.append((time.time_ns() // 1000, found))
        await asyncio.sleep(0.5)

    recorded(settings, venue, disturb)
    [told], rows, gaps = replayed(settings)
    live = 0
    for at, books in truths:
        for name, book in books.items():
            held = next((r for r in rows[name] if r.valid_from <= at < r.valid_to), None)
            lost = any((g["last_good_at"] or 0) <= at and (g["to_at"] is None or at < g["to_at"]) for g in gaps[name])
            if held is not None and held.state is BookState.LIVE and not lost:
                live += 1
                assert (list(held.bids), list(held.asks)) == book, (name, at)
    assert live > len(truths) * len(names) / 4
    reasons = {gap["reason"] for some in gaps.values() for gap in some}
    assert {Reason.DISCONNECT, Reason.UNREADABLE} <= reasons
    if venue == "kalshi":
        assert Reason.GAP in reasons
    assert told.connections > 1


def test_a_killed_recorder_leaves_every_durable_frame_and_the_next_one_closes_its_segments(
    sandbox: SandboxProcess, settings: Settings
) -> None:
    program = (
        "import asyncio, sys; from echelon_pipeline_tests.integration import test_record as t; "
        "from echelon_pipeline.settings import load_settings; "
        "t.recorded(load_settings(), 'polymarket', lambda: asyncio.sleep(60))"
    )
    env = {**os.environ, **sandbox.env(), "ECHELON_HOME": str(settings.home)}
    worker = subprocess.Popen([sys.executable, "-c", program], env=env)
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size > 2_000 for p in segments(settings.capture_root)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        sandbox.advance(timedelta(seconds=1))
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    left = segments(settings.capture_root)
    assert left
    assert all(recover(path) for path in left)
    [told], _, _ = replayed(settings)
    assert told.frames >= 1
    assert not told.events["Unreadable"]
    assert not told.hashes["misses"]


def command(settings: Settings, sandbox: SandboxProcess, *arguments: str, **given: str) -> str:
    """What the command on this home shows, and its exit code; recording is a process of its own."""
    program = [sys.executable, "-c", "from echelon_pipeline.cli import app; app()", *arguments]
    env = {**os.environ, **sandbox.env(), "ECHELON_HOME": str(settings.home), "ECHELON_MIN_FREE_MB": "0", **given}
    if arguments[0] != "record":
        shown = CliRunner().invoke(app, arguments, env=env)
        return f"{shown.output}exit {shown.exit_code}"
    done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=60)
    return f"{done.stdout}{done.stderr}exit {done.returncode}"


def test_the_command_records_replays_and_shows_a_book(sandbox: SandboxProcess, settings: Settings) -> None:
    assert "does not exist yet" in command(settings, sandbox, "record")
    assert "there are no recordings yet" in command(settings, sandbox, "replay")
    name = kalshi_instruments(settings)[0].instrument_id
    instrument = {"instrument_id": name, "native_id": name.removeprefix("kalshi:"), "status": "active"}
    lake = Lake.of(settings)
    row_of = row("core.instruments", venue="kalshi", is_combo=False, **instrument)
    lake.merge("core.instruments", [staged(settings.scratch, "core.instruments", [row_of])])
    publish(settings)
    assert "not among the open instruments" in command(settings, sandbox, "record", "kalshi:NOPE")
    refused = command(settings, sandbox, "record", "--seconds", "5", KALSHI_API_KEY="nobody")
    assert "error: no frame of kalshi was recorded: kalshi stream: the venue answered 401" in refused
    assert "Traceback" not in refused
    assert refused.endswith("exit 1")
    malformed = settings.home / "key.pem"
    malformed.write_text("do-not-print-4711", encoding="utf-8")
    for given in ({"KALSHI_PRIVATE_KEY_PATH": str(malformed)}, {"KALSHI_PRIVATE_KEY_PATH": "/nowhere/key.pem"}):
        unusable = command(settings, sandbox, "record", "--seconds", "5", **given)
        assert "error: no frame of kalshi was recorded: KALSHI_PRIVATE_KEY" in unusable
        assert unusable.endswith("exit 1")
        assert "do-not-print" not in unusable
    assert "kalshi 0" in command(settings, sandbox, "record", "--seconds", "1.5")
    with states.State.of(settings) as state:
        _, intents = Listeners(state).exported()
    assert [(i["listener"], i["instrument_id"]) for i in intents] == [("record", name)] * 4  # the refused ones too
    assert timedelta(seconds=1) < intents[3]["to_at"] - intents[3]["from_at"] < timedelta(seconds=10)
    assert "live 1" in command(settings, sandbox, "replay")
    shown = command(settings, sandbox, "book", name, "--levels", "1")
    bids, asks = truth(sandbox, name)
    assert f"{name}: live" in shown
    for levels in (bids, asks):
        assert decimal_text(levels[0][0]) in shown
    assert "before" in command(settings, sandbox, "book", name, "--at", "2020-01-01T00:00:00")
    assert "no order book of kalshi:NOPE was recorded" in command(settings, sandbox, "book", "kalshi:NOPE")
    command(settings, sandbox, "record", "--seconds", "1.5")
    assert len(chains(segments(settings.capture_root))) == 2  # else every hour between two recordings would be theirs


def test_a_key_that_is_refused_ends_no_other_venues_recording(
    sandbox: SandboxProcess, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "instrument_of", lambda chosen: chosen)
    other = load_settings({**sandbox.env(), "KALSHI_API_KEY": "somebody", "ECHELON_HOME": str(settings.home)})
    chosen: Any = [*kalshi_instruments(settings)[:2], *polymarket_instruments(settings)[:2]]
    with hold_lease(settings, stream.RECORDER, wait=0) as hold:
        done, refused = asyncio.run(stream._record(other, chosen, hold, 2.0, asyncio.Event()))
    assert {name for name, recorded in done.items() if recorded.frames} == {"polymarket 0"}
    assert list(refused) == ["kalshi"]
    assert "401" in refused["kalshi"]


def test_the_doctor_says_whether_streams_open(sandbox: SandboxProcess, settings: Settings) -> None:
    assert [(f.what, f.level) for f in probe_streams(settings)] == [
        ("kalshi stream", Level.OK),
        ("polymarket stream", Level.OK),
    ]
    without_key = {k: v for k, v in sandbox.env().items() if k not in ("KALSHI_API_KEY", "KALSHI_PRIVATE_KEY_PATH")}
    nowhere = load_settings({**without_key, "POLYMARKET_WS_URL": "ws://127.0.0.1:1"})
    no_key, gone = probe_streams(nowhere)
    assert (no_key.level, gone.level) == (Level.WARN, Level.FAIL)
    assert "KALSHI_API_KEY" in no_key.advice
    assert "POLYMARKET_WS_URL" in gone.advice
    assert gone.text.startswith("polymarket stream: ConnectionRefusedError")
    [refused, _] = probe_streams(load_settings({**sandbox.env(), "KALSHI_API_KEY": "somebody-else"}))
    assert refused.level is Level.FAIL
    assert "401" in refused.text
