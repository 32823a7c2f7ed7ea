"""Runs one statement so that Ctrl-C ends it.

Belongs here: the call of DuckDB. ``publication.py`` decides on which connection, and handles errors. A query runs in
C, where Python cannot raise KeyboardInterrupt: it runs in a thread, and the main thread interrupts it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa

Params = Mapping[str, object] | Sequence[object]
Result = TypeVar("Result")

RETRY_SECONDS = 0.05


def run(
    connection: duckdb.DuckDBPyConnection, text: str, params: Params | None, frames: Mapping[str, object]
) -> pa.Table:
    """The rows of a statement. ``frames``: relations of the caller's, by name."""
    registered: list[str] = []
    try:
        for name, frame in frames.items():
            connection.register(name, frame)
            registered.append(name)

        def rows() -> pa.Table:
            table: pa.Table = connection.sql(text, params=params).to_arrow_table()
            return table

        return interruptible(connection.interrupt, rows)
    finally:
        for name in registered:
            connection.unregister(name)


def interruptible(interrupt: Callable[[], None], work: Callable[[], Result]) -> Result:
    """The result of work. Only the main thread gets signals: in other threads, work is only called."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    done = threading.Event()  # an interrupted Thread.join takes a running thread for a stopped one
    given_up = threading.Event()

    def kept() -> None:
        try:
            if not given_up.is_set():
                results.append(work())
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=kept, name="echelon-query", daemon=True)
    try:
        thread.start()
        # Without a timeout, a signal that the system gives to one of DuckDB's threads does not end the wait.
        while not done.wait(RETRY_SECONDS):
            pass
    except BaseException:
        given_up.set()
        # DuckDB forgets an interruption before the query runs. Without an ident the thread has not begun.
        while not done.wait(RETRY_SECONDS) and thread.ident is not None:
            interrupt()
        raise
    if errors:
        raise errors[0]
    return results[0]
