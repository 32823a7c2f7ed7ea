"""Ends a process early: a signal stops the current work, at any step, within seconds.

Belongs here: stopping each kind of work: Python code gets ``Interrupted``, queries that run in C are interrupted from a
thread, an asyncio task is cancelled. ``signals.py`` has the handlers. Does not belong here: Dagster.
"""

from __future__ import annotations

import asyncio
import atexit
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from echelon_pipeline.signals import PATIENCE, SIGNALS, Hook, Interrupted, SignalWatch

__all__ = [
    "PATIENCE",
    "SIGNALS",
    "Interrupted",
    "background",
    "before_forced_exit",
    "check",
    "committing",
    "default_signals",
    "handling_signals",
    "interrupting",
    "is_requested",
    "run",
    "wait",
]

Result = TypeVar("Result")

JOIN_SECONDS = 2.0  # for what a background thread is doing at the end of its block

_watch: SignalWatch | None = None


@contextmanager
def handling_signals() -> Iterator[None]:
    """Signals end the block. It then raises Interrupted, even if the interrupted code raised another error.

    Only the main thread handles signals: in another thread, and inside another ``handling_signals``, it does nothing.
    """
    global _watch
    if _watch is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _ignore_signals_at_exit()
    watch = _watch = SignalWatch()
    watch.begin()
    try:
        yield
        check()
    except GeneratorExit:
        raise
    except BaseException as error:
        watch = _watch or watch  # ``default_signals`` replaces the watch
        if watch.number is None or isinstance(error, Interrupted):
            raise
        raise Interrupted(watch.number) from error
    finally:
        ended, _watch = _watch or watch, None
        ended.end()


@cache
def _ignore_signals_at_exit() -> None:
    """When the interpreter shuts down, the work is done and the exit code is set: a signal that arrives then must not
    replace the exit code."""

    def ignore() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    atexit.register(ignore)


@contextmanager
def default_signals() -> Iterator[None]:
    """Restores the handlers from before ``handling_signals`` for the block, for code with handlers of its own."""
    global _watch
    watch = _watch
    if watch is None:
        yield
        return
    _watch = None
    watch.end()
    try:
        yield
    finally:
        _watch = SignalWatch()
        _watch.begin()


def is_requested() -> bool:
    """Whether a signal has asked the process to end."""
    return _watch is not None and _watch.number is not None


def check() -> None:
    """Raises Interrupted if a signal has asked the process to end."""
    if _watch is not None and _watch.number is not None:
        raise Interrupted(_watch.number)


def wait(seconds: float) -> None:
    """Sleeps. Raises Interrupted as soon as a signal arrives."""
    if _watch is None:
        time.sleep(seconds)
        return
    _watch.received.wait(seconds)
    check()


@contextmanager
def interrupting(hook: Hook) -> Iterator[None]:
    """``hook`` ends the work of the block: after a signal a thread calls it every 0.2 s."""
    if _watch is None:
        yield
    else:
        with _watch.registered(_watch.hooks, hook):
            yield


@contextmanager
def before_forced_exit(hook: Hook) -> Iterator[None]:
    """A thread calls ``hook`` before the process, if it does not end in time, exits by force."""
    if _watch is None:
        yield
    else:
        with _watch.registered(_watch.final_hooks, hook):
            yield


@contextmanager
def background(name: str, work: Callable[[threading.Event], object]) -> Iterator[None]:
    """Runs ``work`` in a thread until the block ends: it must return soon after the event is set."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(JOIN_SECONDS)


@contextmanager
def committing() -> Iterator[None]:
    """The block is one commit of a table, which gets more time to end than other work."""
    if _watch is None:
        yield
    else:
        with _watch.commit():
            yield


def run(work: Coroutine[Any, Any, Result], on_signal: Hook | None = None, patience: float = PATIENCE) -> Result:
    """``asyncio.run``. A signal cancels ``work``; then it raises Interrupted, even if the work completed.

    With ``on_signal``, a signal calls that function in the loop instead, and ``work`` must end by itself within
    ``patience`` seconds; its result is returned, and ``is_requested`` is true.
    """
    watch = _watch
    if watch is None or threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    try:
        check()
        watch.patience = patience
        with _quiet_handlers():
            result = asyncio.run(_watched(watch, work, on_signal))
    except (asyncio.CancelledError, Exception) as error:
        if watch.number is not None:
            raise Interrupted(watch.number) from error
        raise
    finally:
        watch.patience = PATIENCE
        work.close()  # no effect if it ran; otherwise it never started
    if on_signal is None:
        check()
    return result


async def _watched(watch: SignalWatch, work: Coroutine[Any, Any, Result], on_signal: Hook | None) -> Result:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    end = on_signal or task.cancel
    ended = False

    def once() -> None:  # a second cancellation would interrupt the cleanup after the first
        nonlocal ended
        if not ended:
            ended = True
            loop.call_soon_threadsafe(end)

    with watch.registered(watch.hooks, once):
        return await task


@contextmanager
def _quiet_handlers() -> Iterator[None]:
    """Replaces the handlers while a loop runs: an error of a handler would be raised inside, and kept by, any task."""
    before = {n: signal.getsignal(n) for n in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
