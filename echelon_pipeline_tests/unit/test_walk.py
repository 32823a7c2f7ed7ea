"""Walks over cursors: they end, they never go in circles, a stale page gets a second chance."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echelon_pipeline.errors import PagingStuck, SchemaDrift
from echelon_pipeline.venues.page import EMPTY_PAGES, Page, PagingGuard, RawObject
from echelon_pipeline.venues.walk import utc_now, walk

NOW = datetime(2026, 11, 20, tzinfo=UTC)
Script = dict[str | None, list[tuple[list[str], str | None]]]


class Feed:
    """Answers by cursor; several answers for one cursor are given in turn, the last one for ever."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[str | None] = []

    async def ask(self, cursor: str | None) -> tuple[str, bytes]:
        self.asked.append(cursor)
        return f"/x?cursor={cursor}", repr(cursor).encode()

    def read(self, _body: bytes) -> tuple[list[RawObject], str | None]:
        answers = self.script[self.asked[-1]]
        ids, following = answers.pop(0) if len(answers) > 1 else answers[0]
        return [RawObject(i.encode(), i) for i in ids], following

    def pages(self, stall: int = 1, tries: int = 3) -> list[Page]:
        async def main() -> list[Page]:
            found = walk("x", self.ask, self.read, clock=lambda: NOW, stall=stall, tries=tries)
            return [page async for page in found]

        return asyncio.run(main())


def ids(pages: list[Page]) -> list[list[str | None]]:
    return [[o.key for o in page.objects] for page in pages]


def test_a_walk_follows_cursors_in_order_and_numbers_its_pages() -> None:
    feed = Feed({None: [(["a", "b"], "1")], "1": [(["c"], "2")], "2": [(["d"], None)]})
    pages = feed.pages()
    assert ids(pages) == [["a", "b"], ["c"], ["d"]]
    assert [(p.number, p.request, p.cursor) for p in pages] == [
        (0, "/x?cursor=None", "1"),
        (1, "/x?cursor=1", "2"),
        (2, "/x?cursor=2", None),
    ]
    assert {p.received_at for p in pages} == {NOW}


def test_one_page_without_a_cursor_is_a_whole_walk() -> None:
    assert ids(Feed({None: [([], None)]}).pages()) == [[]]


def test_a_page_that_repeats_a_cursor_is_asked_for_again() -> None:
    feed = Feed({None: [(["a"], "1")], "1": [(["b"], "1"), (["b"], "2")], "2": [(["c"], None)]})
    assert ids(feed.pages()) == [["a"], ["b"], ["c"]]
    assert feed.asked == [None, "1", "1", "2"]


def test_a_cursor_that_keeps_repeating_stops_the_walk() -> None:
    feed = Feed({None: [(["a"], "1")], "1": [(["b"], "1")]})
    with pytest.raises(PagingStuck, match="repeats a cursor"):
        feed.pages()
    assert feed.asked == [None, "1", "1", "1"]


def test_a_circle_of_several_cursors_stops_the_walk() -> None:
    feed = Feed({None: [(["a"], "1")], "1": [(["b"], "2")], "2": [(["c"], "1")]})
    with pytest.raises(PagingStuck):
        feed.pages()


def test_pages_that_bring_no_new_object_stop_the_walk() -> None:
    feed = Feed({None: [(["a"], "1")], **{str(n): [(["a"], str(n + 1))] for n in range(1, 9)}})
    with pytest.raises(PagingStuck, match="no new object"):
        feed.pages(stall=3)
    assert len(set(feed.asked)) == 5


def test_empty_pages_are_followed_but_not_for_ever() -> None:
    feed = Feed({None: [([], "1")], "1": [([], "2")], "2": [(["a"], None)]})
    assert ids(feed.pages()) == [[], [], ["a"]]
    endless = Feed({None: [([], "1")], **{str(n): [([], str(n + 1))] for n in range(1, EMPTY_PAGES + 3)}})
    with pytest.raises(PagingStuck, match="are empty"):
        endless.pages()
    assert len(set(endless.asked)) == EMPTY_PAGES + 1


def test_what_was_yielded_before_the_walk_got_stuck_is_not_lost() -> None:
    feed = Feed({None: [(["a"], "1")], "1": [(["b"], "1")]})
    got: list[Page] = []

    async def main() -> None:
        async for page in walk("x", feed.ask, feed.read):
            got.append(page)  # noqa: PERF401 - a comprehension would lose what came before the error

    with pytest.raises(PagingStuck):
        asyncio.run(main())
    assert ids(got) == [["a"]]


def test_a_wrong_shape_is_not_tried_again() -> None:
    asked = []

    async def ask(cursor: str | None) -> tuple[str, bytes]:
        asked.append(cursor)
        return "/x", b"{}"

    def read(_body: bytes) -> tuple[list[RawObject], str | None]:
        raise SchemaDrift("x")

    async def main() -> None:
        async for _ in walk("x", ask, read):
            pass

    with pytest.raises(SchemaDrift):
        asyncio.run(main())
    assert asked == [None]


def test_a_rejected_page_does_not_count_as_read() -> None:
    """The guard's state only moves with pages that were accepted."""
    guard = PagingGuard("x")
    guard.check(Page("x", "/", 0, NOW, (RawObject(b"a"),), "1"))
    for _ in range(5):
        with pytest.raises(PagingStuck):
            guard.check(Page("x", "/", 1, NOW, (RawObject(b"b"),), "1"))
    guard.check(Page("x", "/", 1, NOW, (RawObject(b"b"),), "2"))


@given(st.lists(st.lists(st.uuids().map(str), min_size=1, max_size=4), min_size=1, max_size=12))
def test_every_object_of_a_straight_feed_comes_once_and_in_order(pages: list[list[str]]) -> None:
    script: Script = {
        (None if n == 0 else str(n)): [(page, str(n + 1) if n + 1 < len(pages) else None)]
        for n, page in enumerate(pages)
    }
    assert ids(Feed(script).pages()) == pages


def test_the_hash_of_an_object_is_that_of_its_bytes() -> None:
    assert RawObject(b'{"a": 1}').sha256 == hashlib.sha256(b'{"a": 1}').hexdigest()


def test_the_real_clock_is_aware() -> None:
    assert utc_now().utcoffset() == UTC.utcoffset(None)
