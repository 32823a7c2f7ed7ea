"""The right to record, on SQLite and on Postgres: one shift has it and hands it on as planned.

A shift that lost it may not write.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from echelon_pipeline.errors import Conflict, CorruptStore, DatabaseRefused
from echelon_pipeline.state.database import State
from echelon_pipeline.state.shift_lease import ShiftLease, holders
from echelon_pipeline_tests.state_databases import ManualClock

pytestmark = pytest.mark.xdist_group("postgres")


def begun(state: State, owner: str) -> ShiftLease:
    lease = ShiftLease.begin(state, "l", owner, 30)
    assert lease is not None
    return lease


def test_a_second_shift_begins_only_where_the_first_gave_no_sign_of_life(state: State, clock: ManualClock) -> None:
    first = begun(state, "a")
    for _ in range(3):
        clock.advance(20)
        first.renew()
        assert ShiftLease.begin(state, "l", "b", 30) is None
        first.check()
    clock.advance(30)
    second = begun(state, "b")
    assert (first.epoch, second.epoch) == (1, 2)
    for use in (first.check, first.renew, lambda: first.hand_over(60)):
        with pytest.raises(Conflict):
            use()
    second.check()
    assert not second.is_overlapping()


def test_a_shift_that_was_late_goes_on_where_nobody_followed(state: State, clock: ManualClock) -> None:
    first = begun(state, "a")
    clock.advance(100)
    first.check()
    assert ShiftLease.begin(state, "l", "b", 30) is None


def test_a_planned_succession_loses_nothing(state: State, clock: ManualClock) -> None:
    first = begun(state, "a")
    assert first.hand_over(90)
    assert first.hand_over(90)  # already done
    first.check()
    second = begun(state, "b")
    assert second.is_overlapping()
    assert [lease and lease.owner for lease in holders(state, "l")] == ["b", "a"]
    clock.advance(20)
    first.renew()
    first.check()
    second.renew()
    first.release()
    assert not second.is_overlapping()
    assert [lease and lease.owner for lease in holders(state, "l")] == ["b", None]
    with pytest.raises(Conflict):
        first.check()
    second.check()


def test_a_shift_that_handed_over_cannot_prolong_its_end(state: State, clock: ManualClock) -> None:
    first = begun(state, "a")
    first.hand_over(90)
    second = begun(state, "b")
    for _ in range(3):
        clock.advance(30)
        second.renew()
    for use in (first.check, first.renew):
        with pytest.raises(Conflict):
            use()
    assert not second.is_overlapping()


def test_there_are_never_three_at_once(state: State) -> None:
    first = begun(state, "a")
    first.hand_over(90)
    second = begun(state, "b")
    assert not second.hand_over(90)
    second.check()
    assert ShiftLease.begin(state, "l", "c", 30) is None


def test_listeners_do_not_share_a_right(state: State) -> None:
    begun(state, "a")
    assert ShiftLease.begin(state, "other", "b", 30) is not None


def test_a_state_database_without_its_tables_is_named_as_such(state: State) -> None:
    first = begun(state, "a")
    with state.begin() as connection:
        connection.execute(sa.text("DROP TABLE leases"))
    for use in (first.check, first.renew, first.release, first.is_overlapping):
        with pytest.raises((CorruptStore, DatabaseRefused), match=r"no such table: leases|\"leases\" does not exist"):
            use()
