"""Connections to the in-memory database of the process."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from echelon_pipeline.sqltools import duck


def _session(number: int) -> int:
    """Long enough that the session gives its pages back when it ends."""
    with duck.connect() as connection:
        connection.execute("CREATE TEMP TABLE rows AS SELECT range AS i FROM range(100000)")
        time.sleep(duck.BRIEF_SECONDS)
        found = connection.execute("SELECT count(*) FROM rows").fetchone()
    return found[0] if found else -1


def test_threads_may_close_their_connections_at_the_same_time() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(_session, range(160))) == {100_000}
