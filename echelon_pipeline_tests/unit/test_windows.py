"""Windows: which intervals are complete, what makes them incomplete again, what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echelon_pipeline.domain.intervals import subtract
from echelon_pipeline.errors import RuleViolation
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.windows import Window, Windows


def hour(h: int) -> datetime:
    return datetime(2026, 11, 20, h, tzinfo=UTC)


def window(begin: int, end: int, state: str = "complete", scope: str = "all", unit: str = "u") -> Window:
    return Window(
        venue="kalshi",
        table_name="core.trades",
        scope=scope,
        from_at=hour(begin),
        to_at=hour(end),
        state=state,
        reason=None if state == "complete" else "because",
        unit_id=unit,
    )


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(Lake(str(tmp_path / "lake"), scratch=tmp_path / "scratch"))


def test_nothing_is_complete_before_anything_is_recorded(windows: Windows) -> None:
    assert windows.complete("kalshi", "core.trades", "all") == []
    assert windows.missing("kalshi", "core.trades", "all", hour(0), hour(2)) == [(hour(0), hour(2))]


def test_adjacent_complete_intervals_join(windows: Windows) -> None:
    windows.record([window(0, 3), window(3, 5)])
    windows.record([window(7, 9)])
    assert windows.complete("kalshi", "core.trades", "all") == [(hour(0), hour(5)), (hour(7), hour(9))]
    assert windows.missing("kalshi", "core.trades", "all", hour(2), hour(8)) == [(hour(5), hour(7))]


def test_a_later_partial_window_makes_a_complete_interval_incomplete(windows: Windows) -> None:
    windows.record([window(0, 6)])
    windows.record([window(2, 3, "partial")])
    assert windows.complete("kalshi", "core.trades", "all") == [(hour(0), hour(2)), (hour(3), hour(6))]
    assert windows.missing("kalshi", "core.trades", "all", hour(0), hour(6)) == [(hour(2), hour(3))]
    windows.record([window(2, 3)])
    assert windows.complete("kalshi", "core.trades", "all") == [(hour(0), hour(6))]


def test_an_unavailable_interval_is_neither_complete_nor_missing(windows: Windows) -> None:
    windows.record([window(0, 4, "unavailable"), window(4, 6)])
    assert windows.complete("kalshi", "core.trades", "all") == [(hour(4), hour(6))]
    assert windows.missing("kalshi", "core.trades", "all", hour(0), hour(7)) == [(hour(6), hour(7))]


def test_scopes_and_venues_do_not_affect_each_other(windows: Windows) -> None:
    windows.record([window(0, 4, scope="kalshi:A"), window(2, 3, "partial", scope="kalshi:B")])
    assert windows.complete("kalshi", "core.trades", "all") == []
    assert windows.complete("polymarket", "core.trades", "kalshi:A") == []
    assert windows.complete_by_scope("kalshi", "core.trades") == {"kalshi:A": [(hour(0), hour(4))]}


def test_recorded_windows_are_returned_unchanged(windows: Windows) -> None:
    given = window(0, 4, "partial", unit="u7")
    windows.record([given])
    (found,) = windows.recorded("kalshi", "core.trades")
    assert {k: getattr(found, k) for k in Window.__dataclass_fields__} == {
        k: getattr(given, k) for k in Window.__dataclass_fields__
    }
    assert found.recorded_at <= datetime.now(UTC)


def test_a_query_for_a_span_reads_only_overlapping_windows(windows: Windows) -> None:
    windows.record([window(h, h + 1, scope=scope) for h in range(12) for scope in ("all", "kalshi:A")])
    windows.record([window(5, 7, "partial")])
    span = (hour(4), hour(6))
    met = windows.recorded("kalshi", "core.trades", "all", meets=span)
    assert [(w.from_at, w.state) for w in met] == [
        (hour(4), "complete"),
        (hour(5), "complete"),
        (hour(5), "partial"),
    ]
    assert windows.complete("kalshi", "core.trades", "all", meets=span) == [(hour(4), hour(5))]
    assert windows.complete_by_scope("kalshi", "core.trades", meets=span) == {
        "all": [(hour(4), hour(5))],
        "kalshi:A": [(hour(4), hour(6))],
    }
    assert len(windows.recorded("kalshi", "core.trades", "all", state="partial")) == 1


@given(
    recorded=st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 6), st.sampled_from(["complete", "partial", "unavailable"])),
        max_size=6,
    ),
    span=st.tuples(st.integers(0, 12), st.integers(1, 5)),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_overlapping_windows_give_the_same_states_as_all_windows(
    tmp_path: Path, recorded: list[tuple[int, int, str]], span: tuple[int, int]
) -> None:
    windows = Windows(Lake(str(tmp_path / uuid4().hex), scratch=tmp_path / "scratch"))
    for begin, length, state in recorded:
        windows.record([window(begin, begin + length, state)])
    asked = (hour(span[0]), hour(span[0] + span[1]))
    everything = windows.complete("kalshi", "core.trades", "all")
    assert subtract([asked], windows.complete("kalshi", "core.trades", "all", meets=asked)) == subtract(
        [asked], everything
    )


def test_the_last_unit_with_rows_and_the_windows_not_derived_yet(windows: Windows) -> None:
    assert windows.last_complete("kalshi", "core.trades") == {}
    assert windows.last_unit_with_rows("kalshi", "core.trades") == ""
    windows.record(
        [
            window(0, 1, scope="listings:full", unit="u1"),
            window(3, 4, scope="listings:full", unit="u2"),
            window(5, 6, "partial", scope="listings:full", unit="u3"),
            window(2, 3, scope="listings:changes", unit="u4"),
        ]
    )
    followed = replace(window(0, 1, scope="listings:full/u1", unit="u5"), table_name="core.instruments", rows=3)
    windows.record([followed, replace(followed, scope="listings:full/u2", unit_id="u6", rows=0)])
    assert windows.last_complete("kalshi", "core.trades") == {"listings:full": hour(3), "listings:changes": hour(2)}
    assert [w.unit_id for w in windows.underived("kalshi", "core.trades", by="core.instruments")] == ["u3", "u4"]
    assert windows.last_unit_with_rows("kalshi", "core.instruments") == "u5"


def test_a_window_without_length_or_reason_is_refused(windows: Windows) -> None:
    with pytest.raises(RuleViolation, match="from_at is before to_at"):
        windows.record([window(3, 3)])
    with pytest.raises(RuleViolation, match="has a reason"):
        windows.record([Window(**{**window(0, 1).__dict__, "state": "partial"})])
    assert windows.recorded("kalshi", "core.trades") == []
