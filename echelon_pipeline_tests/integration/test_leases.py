"""Leases, on SQLite and on Postgres: one owner at a time, epochs that only grow, a fence that stops an old owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from echelon_pipeline.errors import Conflict
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.holding import hold_lease
from echelon_pipeline.state.leases import Leases
from echelon_pipeline.state.processes import Process
from echelon_pipeline.state.tables import LEASES
from echelon_pipeline_tests.state_databases import ManualClock

pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture
def leases(state: State) -> Leases:
    return Leases(state)


def of_process(state: State, process: Process) -> None:
    """All leases are that process's."""
    with state.begin() as connection:
        connection.execute(sa.update(LEASES).values(**vars(process)))


def test_a_lease_has_one_owner_until_it_expires_and_each_owner_a_larger_epoch(
    leases: Leases, clock: ManualClock
) -> None:
    first = leases.acquire("listener", "a", 10)
    assert first is not None
    assert (first.epoch, first.expires_at) == (1, clock.now + timedelta(seconds=10))
    assert leases.current("listener") == leases.last("listener") == first
    assert leases.acquire("listener", "b", 10) is None
    clock.advance(10)
    assert leases.current("listener") is None
    second = leases.acquire("listener", "b", 10)
    assert second is not None
    assert second.epoch == 2
    with pytest.raises(Conflict, match="epoch 1 of a is over"):
        leases.check(first)
    with pytest.raises(Conflict, match="taken over"):
        leases.renew(first, 10)
    with pytest.raises(Conflict, match="taken over"), leases.guard(first, 10):
        pytest.fail("an old owner got through the fence")
    leases.release(first)
    leases.check(second)


def test_a_renewed_lease_stays_and_a_released_one_is_free(leases: Leases, clock: ManualClock) -> None:
    lease = leases.acquire("listener", "a", 10)
    assert lease is not None
    clock.advance(8)
    lease = leases.renew(lease, 10)
    clock.advance(8)
    leases.check(lease)
    assert leases.acquire("listener", "b", 10) is None
    leases.release(lease)
    with pytest.raises(Conflict):  # a late sign of life does not take it back
        leases.renew(lease, 10)
    taken = leases.acquire("listener", "b", 10)
    assert taken is not None
    assert taken.epoch == lease.epoch + 1


def test_an_expired_lease_fails_its_check_and_may_be_renewed_while_no_other_took_it(
    leases: Leases, clock: ManualClock
) -> None:
    lease = leases.acquire("listener", "a", 10)
    assert lease is not None
    clock.advance(11)
    with pytest.raises(Conflict):
        leases.check(lease)
    leases.check(leases.renew(lease, 10))


def test_a_restarted_owner_gets_a_new_epoch_and_none_is_smaller_than_asked_for(leases: Leases) -> None:
    epochs = [lease.epoch for n in (1, 1, 100, 50) if (lease := leases.acquire("listener", "a", 10, at_least=n))]
    assert epochs == [1, 2, 100, 101]
    first = leases.acquire("other", "a", 10, at_least=7)
    assert first is not None
    assert first.epoch == 7


def test_the_lease_of_a_process_that_is_gone_from_this_machine_is_free_at_once(state: State, leases: Leases) -> None:
    lease = leases.acquire("refresh", "a", 60)
    assert lease is not None
    assert lease.process == Process.this()
    of_process(state, replace(Process.this(), boot="of-another-machine", pid=1))
    assert leases.acquire("refresh", "b", 60) is None  # it cannot be seen from here
    of_process(state, replace(Process.this(), started="0"))  # its number was given to another process since
    assert leases.current("refresh") is None
    taken = leases.acquire("refresh", "b", 60)
    assert taken is not None
    assert taken.epoch == 2
    with pytest.raises(Conflict):
        leases.renew(lease, 60)


def test_while_a_result_is_swapped_in_no_other_can_take_the_lease(state_dsn: str, clock: ManualClock) -> None:
    """Otherwise a process that is stopped between the fence and the swap would replace what came after it."""
    with State(state_dsn, clock=clock) as state, State(state_dsn, clock=clock) as other:
        leases = Leases(state)
        lease = leases.acquire("publication", "a", 10)
        assert lease is not None
        clock.advance(11)
        taken: list[object] = []
        thread = threading.Thread(target=lambda: taken.append(Leases(other).acquire("publication", "b", 10)))
        with leases.guard(lease, 10):
            thread.start()
            thread.join(0.3)
            assert taken in ([], [None])  # SQLite: waits for the writer; Postgres: the row is not free
        thread.join()
        assert taken == [None]  # the guard renewed it
        leases.check(lease)


def test_machines_agree_about_expiry_by_the_clock_of_postgres(database: str) -> None:
    with State(database) as state:
        lease = Leases(state).acquire("refresh", "a", 30)
        assert lease is not None
        with state.read() as connection:
            of_server = connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
        assert lease.expires_at.timestamp() == pytest.approx(float(of_server) + 30, abs=5)
        with state.read() as connection:
            assert "clock_timestamp" in str(sa.select(state.instant()).compile(connection))


# --- work under a lease


@pytest.fixture
def settings(shared_dsn: str, tmp_path: Path) -> Settings:
    return load_settings(
        {"ECHELON_HOME": str(tmp_path / "home"), "ECHELON_STATE_URL": shared_dsn, "ECHELON_LEASE_SECONDS": "1.5"}
    )


def test_a_lease_is_kept_for_as_long_as_the_work_lasts_and_free_after_it(settings: Settings) -> None:
    with hold_lease(settings, "refresh", wait=0) as hold:
        time.sleep(2.0)
        with (
            pytest.raises(Conflict, match=f"refresh: process {os.getpid()} is at it"),
            hold_lease(settings, "refresh", wait=0),
        ):
            pytest.fail("two at once")
        hold.check()
        with hold.guard():
            pass
    with hold_lease(settings, "refresh", wait=0) as second:
        assert second.epoch == hold.epoch + 1
        with pytest.raises(Conflict):
            hold.check()


def test_the_next_one_waits_for_its_turn_and_only_for_so_long(settings: Settings) -> None:
    done = threading.Event()

    at_work = threading.Event()

    def work() -> None:
        with hold_lease(settings, "refresh", wait=10):
            at_work.set()
            done.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert at_work.wait(10)
    with pytest.raises(Conflict, match="is at it, and was for 1 s"), hold_lease(settings, "refresh", wait=0.6):
        pytest.fail("two at once")
    threading.Timer(0.5, done.set).start()
    with hold_lease(settings, "refresh", wait=10):
        assert done.is_set()
    thread.join()


HOLDER = """
import sys, time
from echelon_pipeline import stopping
from echelon_pipeline.settings import load_settings
from echelon_pipeline.state.holding import hold_lease
home, url, wait = sys.argv[1:]
settings = load_settings({"ECHELON_HOME": home, "ECHELON_STATE_URL": url, "ECHELON_LEASE_SECONDS": "2"})
print("waits", flush=True)
with stopping.handling_signals(), hold_lease(settings, "refresh", wait=float(wait)) as hold:
    print(hold.epoch, flush=True)
    sys.stdin.readline()
    hold.check()
    print("committed", flush=True)
"""


def holder(settings: Settings, wait: float = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(settings.home), settings.state_dsn, str(wait)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def begun(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    return int(process.stdout.readline())


def test_a_killed_process_is_followed_at_once_and_a_stopped_one_is_refused_when_it_goes_on(settings: Settings) -> None:
    killed = holder(settings)
    assert begun(killed) == 1
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    stopped = holder(settings)
    assert begun(stopped) == 2
    killed.communicate()
    stopped.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with hold_lease(settings, "refresh", wait=30) as hold:
        assert hold.epoch == 3
        assert time.monotonic() - began < 10  # its 2 s, and not for ever
        stopped.send_signal(signal.SIGCONT)
        out, err = stopped.communicate("\n", timeout=30)
        assert "committed" not in out
        assert "was taken over" in err
        hold.check()


def test_a_signal_ends_the_wait_for_a_lease(settings: Settings) -> None:
    with hold_lease(settings, "refresh", wait=0):
        waiting = holder(settings, wait=60)
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waits\n"
        time.sleep(0.5)
        began = time.monotonic()
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=30)
        assert time.monotonic() - began < 2
    assert "Interrupted" in err
    assert out == ""


def test_a_lease_that_cannot_be_given_back_is_said_and_expires(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*_: object) -> None:
        raise Conflict("the server is gone")

    monkeypatch.setattr(Leases, "release", unreachable)
    with hold_lease(settings, "refresh", wait=0):
        pass
    assert "lease refresh will expire: the server is gone" in caplog.text
    with hold_lease(settings, "refresh", wait=5) as hold:
        assert hold.epoch == 2
