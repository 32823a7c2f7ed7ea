"""What listeners watch and when, on SQLite and on Postgres: whole sets change, an instrument has one listener."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echelon_pipeline.errors import Conflict
from echelon_pipeline.state.database import State
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.tables import INTENTS, LISTENERS
from echelon_pipeline_tests.rows import NOON
from echelon_pipeline_tests.state_databases import TickingClock, watched

pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture
def state(state_dsn: str) -> Iterator[State]:
    with State(state_dsn, clock=TickingClock()) as opened:
        yield opened


@pytest.fixture
def listeners(state: State) -> Listeners:
    return Listeners(state)


def test_intents_last_until_dropped_and_pausing_ends_them(listeners: Listeners) -> None:
    listeners.save(Listener(name="l", venue="kalshi"))
    assert listeners.claim("l", ["kalshi:A", "kalshi:B"]) == {"kalshi:A", "kalshi:B"}
    assert listeners.claim("l", ["kalshi:B", "kalshi:C"]) == {"kalshi:B", "kalshi:C"}
    listeners.activate("l", active=False)
    assert listeners.claim("l", ["kalshi:A"]) is None
    listeners.activate("l", active=True)
    listeners.claim("l", ["kalshi:A"])
    rows = [(i["instrument_id"], i["from_at"], i["to_at"]) for i in listeners.exported()[1]]
    seconds = [(name, (a - NOON).seconds, None if b is None else (b - NOON).seconds) for name, a, b in rows]
    assert [(name, b is None) for name, _, b in seconds] == [
        ("kalshi:A", False), ("kalshi:A", True), ("kalshi:B", False), ("kalshi:C", False)
    ]  # fmt: skip
    assert all(b is None or b > a for _, a, b in seconds)
    listeners.remove("l")
    assert watched(listeners, "l") == []
    assert len(listeners.exported()[1]) == 4
    assert listeners.claim("l", ["kalshi:A"]) is None


def test_derivation_reads_the_intents_that_overlap_a_span_each_whole(listeners: Listeners) -> None:
    listeners.save(Listener(name="l", venue="kalshi"), Listener(name="p", venue="polymarket"))
    for wanted in (["kalshi:A"], ["kalshi:B"], ["kalshi:C"], []):
        listeners.claim("l", wanted)
    listeners.claim("l", ["kalshi:D"])
    listeners.claim("p", ["polymarket:E"])
    spans = {i["instrument_id"]: (i["from_at"], i["to_at"]) for i in listeners.exported()[1]}
    begin, end = spans["kalshi:B"]
    assert listeners.watched("kalshi", begin + timedelta(microseconds=1), end - timedelta(microseconds=1)) == [
        ("kalshi:B", begin, end)
    ]
    assert [name for name, _, _ in listeners.watched("kalshi", begin, end)] == ["kalshi:A", "kalshi:B", "kalshi:C"]
    assert listeners.watched("kalshi", NOON + timedelta(days=1), NOON + timedelta(days=2)) == [
        ("kalshi:D", *spans["kalshi:D"])
    ]
    assert listeners.watched("kalshi", NOON - timedelta(days=2), NOON) == []
    assert listeners.watched_now("l") == [("kalshi:D", spans["kalshi:D"][0])]


def test_no_instrument_has_two_listeners_but_the_record_command_watches_any(state: State, listeners: Listeners) -> None:
    for name in "ab":
        listeners.save(Listener(name=name, venue="kalshi"))
    assert listeners.claim("b", ["kalshi:A", "kalshi:B"]) == {"kalshi:A", "kalshi:B"}
    assert listeners.claim("a", ["kalshi:A", "kalshi:C"]) == {"kalshi:C"}
    listeners.record_by_hand(state.begin, ["kalshi:A"])
    assert watched(listeners, "record") == ["kalshi:A"]
    listeners.claim("b", ["kalshi:B"])
    assert listeners.claim("a", ["kalshi:A", "kalshi:C"]) == {"kalshi:A", "kalshi:C"}


def test_a_recorder_that_lost_its_lease_ends_no_intent_of_the_next_one(state: State, listeners: Listeners) -> None:
    leases = Leases(state)
    old = leases.acquire("echelon record", "old", -1)
    assert old is not None
    new = leases.acquire("echelon record", "new", 60)
    assert new is not None
    listeners.record_by_hand(lambda: leases.guard(new, 60), ["kalshi:A"])
    with pytest.raises(Conflict, match="taken over"):
        listeners.record_by_hand(lambda: leases.guard(old, 60), [])
    assert watched(listeners, "record") == ["kalshi:A"]


def test_an_intent_never_ends_before_it_began(state: State, listeners: Listeners) -> None:
    listeners.record_by_hand(state.begin, ["kalshi:A"])
    listeners.record_by_hand(state.begin, [], at=NOON - timedelta(hours=1))
    [intent] = listeners.exported()[1]
    assert intent["to_at"] == intent["from_at"]


def test_the_database_itself_refuses_a_second_listener_of_an_instrument(state: State, listeners: Listeners) -> None:
    listeners.save(Listener(name="a", venue="kalshi"))
    listeners.claim("a", ["kalshi:A"])
    second = sa.insert(INTENTS).values(listener="b", instrument_id="kalshi:A", from_at=1)
    with pytest.raises(sa.exc.IntegrityError), state.begin() as connection:
        connection.execute(second)
    with state.begin() as connection:
        connection.execute(second.values(listener="record"))


def test_of_listeners_that_claim_at_once_one_gets_each_instrument(state_dsn: str) -> None:
    wanted = [f"kalshi:{n}" for n in range(40)]
    granted: dict[str, list[set[str]]] = {"a": [], "b": []}
    State(state_dsn).close()
    barrier = threading.Barrier(2)

    def claim(name: str) -> None:
        with State(state_dsn) as state:
            listeners = Listeners(state)
            listeners.save(Listener(name=name, venue="kalshi"))
            for _ in range(5):
                barrier.wait()
                granted[name].append(listeners.claim(name, wanted) or set())
                barrier.wait()
                listeners.claim(name, [])

    threads = [threading.Thread(target=claim, args=(name,)) for name in granted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(granted["a"], granted["b"], strict=True):
        assert not one & other
        assert one | other == set(wanted)


def test_what_a_listener_claims_costs_the_same_whatever_the_history(tmp_path: Path) -> None:
    """Counted in steps of SQLite's machine, not in seconds."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with State(f"sqlite:///{tmp_path / 'state.sqlite'}", clock=TickingClock()) as state:
        listeners = Listeners(state)
        listeners.save(Listener(name="a", venue="kalshi"))
        costs = []
        for rows in (10, 20_000):
            history = [{"l": "a", "i": f"kalshi:{n % 50}", "f": -1000 * rows - n} for n in range(rows)]
            with state.begin() as connection:
                connection.execute(sa.text("INSERT INTO listener_intents VALUES (:l, :i, :f, :f + 1)"), history)
                connection.connection.dbapi_connection.set_progress_handler(count, 1)  # type: ignore[union-attr]
            steps = 0
            listeners.claim("a", [f"kalshi:{n}" for n in range(20)])
            listeners.claim("a", [f"kalshi:{n}" for n in range(10, 30)])
            assert listeners.is_active("a")
            assert listeners.known("a").watched == 20
            listeners.claim("a", [])
            costs.append(steps)
            with state.begin() as connection:
                connection.connection.dbapi_connection.set_progress_handler(None, 0)  # type: ignore[union-attr]
        assert costs[0] > 100
        assert costs[1] < 1.1 * costs[0]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    claims=st.lists(
        st.tuples(st.sampled_from("abc"), st.frozensets(st.sampled_from([f"kalshi:{n}" for n in "VWXYZ"]))), max_size=12
    )
)
def test_whatever_is_claimed_nothing_is_watched_twice_and_stretches_of_one_do_not_overlap(
    state: State, claims: list[tuple[str, frozenset[str]]]
) -> None:
    with state.begin() as connection:
        for table in (LISTENERS, INTENTS):
            connection.execute(sa.delete(table))
    listeners = Listeners(state)
    for name in "abc":
        listeners.save(Listener(name=name, venue="kalshi"))
    for name, wanted in claims:
        granted = listeners.claim(name, wanted)
        assert granted is not None
        assert granted <= wanted
        held = [w for other in "abc" for w in watched(listeners, other)]
        assert len(held) == len(set(held))
        assert set(watched(listeners, name)) == granted
    by_instrument: dict[str, list[tuple[datetime, datetime]]] = {}
    for intent in listeners.exported()[1]:
        end = intent["to_at"] or datetime.max.replace(tzinfo=UTC)
        by_instrument.setdefault(intent["instrument_id"], []).append((intent["from_at"], end))
    for stretches in by_instrument.values():
        stretches.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(stretches))
