"""Latest states of books: the same answers from SQLite and from a real Redis, and none from a listener that is dead."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from pydantic import SecretStr
from typer.testing import CliRunner

from echelon_pipeline import cli
from echelon_pipeline.domain.latest import LatestState
from echelon_pipeline.errors import BadSettings, DatabaseUnavailable
from echelon_pipeline.settings import Settings
from echelon_pipeline.state import latest as module
from echelon_pipeline.state.latest import FILE, LatestStore, RedisStore, SqliteStore, latest_store
from echelon_pipeline_tests.redis_server import server

SHORT = 0.3
Opened = Callable[[float], LatestStore]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens the same empty store, as often as wanted, with a time to live."""
    stores: list[LatestStore] = []
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        _empty(url)

    def open_store(ttl: float = 60) -> LatestStore:
        store = SqliteStore(tmp_path / FILE, ttl) if request.param == "sqlite" else RedisStore(url, ttl)
        stores.append(store)
        return store

    yield open_store
    for store in stores:
        store.close()


def _empty(url: str) -> None:
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushall()


def latest(name: str = "kalshi:A", **values: Any) -> LatestState:
    row = LatestState(
        name, "live", None, 400_000, 420_000, 100_000_000, 50_500_000, 1_795_000_000_000_000, 1_795_000_000_000_001, "l"
    )
    return replace(row, **values)


def test_stored_states_are_found_by_instrument_in_the_requested_order(opened: Opened) -> None:
    store = opened(60)
    rows = {name: latest(name) for name in ("kalshi:A", "kalshi:B", "polymarket:0xc")}
    store.put(list(rows.values()))
    assert store.get(["polymarket:0xc", "kalshi:none", "kalshi:A"]) == [rows["polymarket:0xc"], rows["kalshi:A"]]
    assert store.get([]) == []


def test_all_rows_of_a_venue_are_found(opened: Opened) -> None:
    store = opened(60)
    store.put([latest("kalshi:B"), latest("polymarket:0xc"), latest("kalshi:A")])
    assert [row.instrument_id for row in store.all("kalshi")] == ["kalshi:A", "kalshi:B"]
    assert [row.instrument_id for row in store.all("polymarket")] == ["polymarket:0xc"]
    assert store.all("nowhere") == []


def test_a_row_replaces_the_one_before(opened: Opened) -> None:
    store = opened(60)
    store.put([latest()])
    lost = latest(state="unknown", reason="hash", bid=None, ask=None, bid_size=None, ask_size=None, event_at=None)
    store.put([lost])
    assert store.get(["kalshi:A"]) == store.all("kalshi") == [lost]


def test_a_state_that_is_not_renewed_expires(opened: Opened) -> None:
    short, long = opened(SHORT), opened(60)
    short.put([latest("kalshi:A"), latest("kalshi:B")])
    long.put([latest("kalshi:C")])
    assert len(long.all("kalshi")) == 3
    time.sleep(SHORT / 2)
    short.put([latest("kalshi:B")])
    time.sleep(SHORT * 0.75)
    assert long.get(["kalshi:A", "kalshi:B", "kalshi:C"]) == [latest("kalshi:B"), latest("kalshi:C")]
    assert [row.instrument_id for row in long.all("kalshi")] == ["kalshi:B", "kalshi:C"]


def test_two_open_stores_share_their_states(opened: Opened) -> None:
    writer, reader = opened(60), opened(60)
    writer.put([latest()])
    assert reader.get(["kalshi:A"]) == [latest()]


def test_any_thread_may_put(opened: Opened) -> None:
    store = opened(60)
    threads = [threading.Thread(target=store.put, args=([latest(f"kalshi:{n}")],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.all("kalshi")) == 8


MICROS = st.one_of(st.none(), st.integers(0, 10**15))
ROWS = st.builds(
    LatestState,
    instrument_id=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12).map(
        lambda t: f"kalshi:{t}"
    ),
    state=st.sampled_from(["live", "stale", "unknown"]),
    reason=st.one_of(st.none(), st.just("hash")),
    bid=MICROS,
    ask=MICROS,
    bid_size=MICROS,
    ask_size=MICROS,
    event_at=MICROS,
    received_at=st.integers(0, 2**53),
    listener=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5),
)


@run_with(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(puts=st.lists(st.lists(ROWS, max_size=4), max_size=4))
def test_both_stores_agree_with_a_dictionary(tmp_path: Path, redis_url: str, puts: list[list[LatestState]]) -> None:
    (tmp_path / FILE).unlink(missing_ok=True)
    _empty(redis_url)
    stores: list[LatestStore] = [SqliteStore(tmp_path / FILE, 60), RedisStore(redis_url, 60)]
    known: dict[str, LatestState] = {}
    for rows in puts:
        known |= {row.instrument_id: row for row in rows}
        for store in stores:
            store.put(rows)
    names = sorted(known)
    for store in stores:
        assert store.all("kalshi") == store.get(names) == [known[name] for name in names]
        store.close()


def test_settings_choose_the_store(tmp_path: Path, redis_url: str) -> None:
    settings = Settings(home=tmp_path)
    embedded = latest_store(settings)
    shared = latest_store(settings.model_copy(update={"redis_url": SecretStr(redis_url)}))
    assert isinstance(embedded, SqliteStore)
    assert isinstance(shared, RedisStore)
    embedded.close()
    shared.close()


def test_the_error_about_an_unreachable_redis_has_no_password() -> None:
    store = RedisStore("redis://:do-not-print@127.0.0.1:1/0", 60)
    for ask in (lambda: store.put([latest()]), lambda: store.get(["kalshi:A"]), lambda: store.all("kalshi")):
        with pytest.raises(DatabaseUnavailable, match="Redis") as caught:
            ask()
        assert "do-not-print" not in str(caught.value)


def test_the_error_about_an_invalid_address_has_no_part_of_the_password() -> None:
    with pytest.raises(BadSettings, match="REDIS_URL") as caught:
        RedisStore("redis://:do-not/print@127.0.0.1:1/0", 60)
    assert "do-not" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_file_locked_by_another_process_is_waited_for_and_then_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    store = SqliteStore(tmp_path / FILE, 60)
    store.put([latest()])
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        store.put([latest(bid=1)])
    assert store.get(["kalshi:A"]) == [latest()]  # readers don't wait
    holder.execute("ROLLBACK")
    store.put([latest(bid=1)])
    assert store.get(["kalshi:A"]) == [latest(bid=1)]
    holder.close()
    store.close()


def test_expired_states_are_deleted_from_the_file(tmp_path: Path) -> None:
    now = [1000.0]
    store = SqliteStore(tmp_path / FILE, 60, clock=lambda: now[0])
    store.put([latest("kalshi:A")])
    now[0] += 61
    store.put([latest("kalshi:B")])
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("SELECT instrument_id FROM latest_states").fetchall() == [("kalshi:B",)]
    connection.close()


READER = """
import sys
from pathlib import Path
from echelon_pipeline.state.latest import SqliteStore
store = SqliteStore(Path(sys.argv[1]), 60)
print(len(store.all("kalshi")), flush=True)
seen, wrong = 0, 0
while not Path(sys.argv[2]).exists():
    rows = store.all("kalshi")
    wrong += len(rows) != 50 or len({row.bid for row in rows}) != 1
    seen += 1
print(seen, wrong)
"""


def test_readers_of_other_processes_see_whole_puts_and_never_wait(tmp_path: Path) -> None:
    path, end = tmp_path / FILE, tmp_path / "end"
    store = SqliteStore(path, 60)
    names = [f"kalshi:{n:02}" for n in range(50)]
    store.put([latest(name, bid=0) for name in names])
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(path), str(end)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "50\n"
    for n in range(1, 100):
        store.put([latest(name, bid=n) for name in names])
    end.touch()
    for reader in readers:
        told, _ = reader.communicate(timeout=30)
        seen, wrong = map(int, told.split())
        assert seen > 0
        assert wrong == 0
    store.close()


def test_the_command_shows_dollars_and_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "")
    store = SqliteStore(tmp_path / FILE, 60)
    store.put([latest("kalshi:A"), latest("polymarket:0xc", state="unknown", reason="hash", bid=None, bid_size=None)])
    store.close()
    shown = CliRunner().invoke(cli.app, ["latest", "--format", "json"])
    first, second = json.loads(shown.stdout)
    assert (first["instrument_id"], first["bid"], first["ask_size"]) == ("kalshi:A", "0.400000", "50.500000")
    assert first["received_at"] == "2026-11-18T11:06:40.000001+00:00"
    assert (second["state"], second["reason"], second["bid"]) == ("unknown", "hash", None)
    one = CliRunner().invoke(cli.app, ["latest", "polymarket:0xc", "kalshi:none", "--format", "csv"])
    assert [line.split(",")[0] for line in one.stdout.splitlines()] == ["instrument_id", "polymarket:0xc"]
    assert "2 books" in CliRunner().invoke(cli.app, ["latest"]).stdout
