"""Ends a process early: a signal stops the current work, at any step, within seconds.

Belongs here: handling SIGINT, SIGTERM and SIGHUP, and stopping each kind of work: Python code gets ``Interrupted``,
queries that run in C are interrupted from a thread, an asyncio task is cancelled. A process that does not end in time
exits by force. That loses no committed data, because all work survives a SIGKILL. Does not belong here: Dagster.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")
Hook = Callable[[], object]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds from the signal to the forced exit: less than the documented 5 s (30 s during a Delta commit).
PATIENCE, COMMIT_PATIENCE = 4.0, 28.0
# Seconds that Python code gets for cleaning up after a commit that ended later than PATIENCE.
UNWIND = 1.0
# A query may start just after an interrupt, so interrupts are repeated at this interval until the end.
REPEAT = 0.2
# Maximum seconds for each hook before a forced exit: it may wait for a SQLite file that another process has locked.
FINAL_HOOK_SECONDS = 0.8


class Interrupted(KeyboardInterrupt):
    """The signal ``number`` stops the process. It is not an error: nothing failed, nothing is retried."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 + signal number, as in shells: 130, 143, 129."""
        return 128 + self.number


class _SignalWatch:
    """The signal handlers of one process and the thread that ends its work."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.received = threading.Event()
        self.patience = PATIENCE
        self.hooks: list[Hook] = []
        self.final_hooks: list[Hook] = []
        self._raised = False
        self._lock = threading.Lock()
        self._at = 0.0
        self._commits = 0
        self._committed_at = 0.0
        self._over = threading.Event()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)

    def begin(self) -> None:
        """Installs the handlers. A signal that the parent chose to ignore (nohup) stays ignored."""
        self._handlers = {n: signal.getsignal(n) for n in SIGNALS}
        for number, before in self._handlers.items():
            if before is not signal.SIG_IGN:
                signal.signal(number, self.handle)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread.start()

    def end(self) -> None:
        """Restores the previous handlers."""
        self._over.set()
        signal.set_wakeup_fd(self._wakeup)
        for number, before in self._handlers.items():
            signal.signal(number, before)
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raises Interrupted for the first signal, or calls Dagster's SIGINT handler if Dagster has installed one."""
        self.note(number)
        current = signal.getsignal(signal.SIGINT)
        if current != self.handle and callable(current):
            current(signal.SIGINT, frame)
        elif not self._raised:
            self._raised = True
            raise Interrupted(number)

    def note(self, number: int) -> None:
        """Records the first signal and its time."""
        if self.number is None:
            self._at = time.monotonic()
            self.number = number

    @contextmanager
    def registered(self, hooks: list[Hook], hook: Hook) -> Iterator[None]:
        """``hook`` is in the list ``hooks`` while the block runs."""
        with self._lock:
            hooks.append(hook)
        try:
            yield
        finally:
            with self._lock:
                hooks.remove(hook)

    @contextmanager
    def commit(self) -> Iterator[None]:
        """The longer patience applies while the block runs."""
        with self._lock:
            self._commits += 1
        try:
            yield
        finally:
            with self._lock:
                self._commits -= 1
                self._committed_at = time.monotonic()

    def _watch(self) -> None:
        """The thread: the system writes a byte to the pipe per signal, even while the main thread is busy."""
        while numbers := [n for n in os.read(self._reader, 64) if n in SIGNALS]:
            self.note(numbers[0])
            self.received.set()
            while not self._over.is_set():
                for hook in list(self.hooks):
                    with suppress(Exception):  # a connection that was closed needs no interrupt
                        hook()
                if time.monotonic() > self._limit():
                    self._force_exit()
                self._over.wait(REPEAT)
            return

    def _limit(self) -> float:
        if self._commits:
            return self._at + COMMIT_PATIENCE
        return max(self._at + self.patience, min(self._committed_at + UNWIND, self._at + COMMIT_PATIENCE))

    def _force_exit(self) -> None:
        for thread in [threading.Thread(target=hook, daemon=True) for hook in self.final_hooks]:
            thread.start()
            thread.join(FINAL_HOOK_SECONDS)
        interrupted = Interrupted(self.number or signal.SIGTERM)
        with suppress(OSError, ValueError):
            sys.stderr.write(f"error: {interrupted}; exit by force, committed data stays\n")
            sys.stderr.flush()
        os._exit(interrupted.exit_code)


_watch: _SignalWatch | None = None


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
    watch = _watch = _SignalWatch()
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
        _watch = _SignalWatch()
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


async def _watched(watch: _SignalWatch, work: Coroutine[Any, Any, Result], on_signal: Hook | None) -> Result:
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
