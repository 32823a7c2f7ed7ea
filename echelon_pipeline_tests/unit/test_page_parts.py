"""Pages are cut into parts: each instant is in one part, and a part has all pages with rows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.ingest.dead_letters import PageRequest
from echelon_pipeline.ingest.page_parts import TRADES, keep_part, parts
from echelon_pipeline.ingest.pages import StoredPage
from echelon_pipeline.lake.windows import Span

START = datetime(2026, 11, 18, tzinfo=UTC)
SPAN = (START, START + timedelta(days=1))


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def page(number: int, low: int, high: int, objects: int = 10, kept_from: int = 0) -> StoredPage:
    claimed = (at(0), at(1440))
    times: Span = (at(low), at(high))
    request = PageRequest(number, (), times, claimed, objects=objects, times=times, kept_from=at(kept_from))
    return StoredPage("unit", request, objects)


PAGES = st.lists(st.tuples(st.integers(0, 1438), st.integers(0, 90), st.integers(1, 40)), min_size=1, max_size=30).map(
    lambda found: [page(n, low, min(low + length, 1439), objects) for n, (low, length, objects) in enumerate(found)]
)


@given(PAGES, st.integers(1, 100))
def test_each_instant_is_in_one_part_with_all_pages_that_have_rows_of_it(pages: list[StoredPage], limit: int) -> None:
    cut = list(parts(TRADES, pages, SPAN, limit))
    assert [span for span, _ in cut] == sorted({span for span, _ in cut})
    for (_, end), (begin, _) in zip([span for span, _ in cut], [span for span, _ in cut][1:], strict=False):
        assert end <= begin
    for minute in range(0, 1440, 7):
        here = [some for (begin, end), some in cut if begin <= at(minute) < end]
        wanted = {p.request.page for p in pages if p.low <= at(minute) <= p.high}
        assert len(here) == 1 or not wanted
        assert wanted <= {p.request.page for some in here for p in some}


def test_pages_without_an_overlap_are_cut_at_the_limit() -> None:
    pages = [page(n, 100 * n, 100 * n + 50) for n in range(10)]
    assert [len(some) for _, some in parts(TRADES, pages, SPAN, 30)] == [3, 3, 3, 1]


def test_prices_are_cut_into_runs_of_pages() -> None:
    pages = [page(n, 0, 1439) for n in range(5)]
    assert [[p.request.page for p in some] for _, some in parts("core.daily_prices", pages, SPAN, 400)] == [
        [0, 1],
        [2, 3],
        [4],
    ]


def test_a_part_keeps_what_its_walk_kept_and_leaves_out_the_times_of_a_page_that_is_gone() -> None:
    kept = keep_part(TRADES, (at(10), at(60)), [page(0, 0, 90, kept_from=30)], [page(1, 40, 45)])
    assert "2026-11-18T00:30:00" in kept, "from where on the walk was kept"
    assert "event_at < TIMESTAMPTZ '2026-11-18T01:00:00" in kept
    assert "NOT event_at BETWEEN TIMESTAMPTZ '2026-11-18T00:40:00" in kept
    assert keep_part(TRADES, (at(10), at(20)), [page(0, 0, 90, kept_from=30)], []) == "false"
