"""One way to end a process early: a signal ends what is under way, at any step, within seconds.

Belongs here: who hears SIGINT, SIGTERM and SIGHUP, and what each kind of wait needs so that it ends: Python code gets
``Interrupted``, queries that run in C are interrupted from a thread, an asyncio task is cancelled. What does not end in
time is ended: everything here survives a SIGKILL, so that costs nothing that was committed. Dagster is not known here.
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
# Seconds from the signal to the forced end: less than the 5 (30 inside a Delta commit) that are promised.
PATIENCE, COMMIT_PATIENCE = 4.0, 28.0
# After a commit that outlasted its patience, Python code needs this long to unwind.
UNWIND = 1.0
# What runs in C may begin after it was interrupted, so that interrupts are repeated until the end.
REPEAT = 0.2
# A report to Dagster from a process that is ended by force: SQLite may be locked by another process.
LAST_WORDS = 0.8


class Interrupted(KeyboardInterrupt):
    """The process was asked to end by the signal ``number``. Not an error: nothing failed, nothing is retried."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 + signal, as shells say it: 130, 143, 129."""
        return 128 + self.number


class _Watch:
    """The signals of one process, from the moment it cares about them until it ends."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.heard = threading.Event()
        self.patience = PATIENCE
        self.hooks: list[Hook] = []
        self.last_words: list[Hook] = []
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
        """Puts back what was there before."""
        self._over.set()
        signal.set_wakeup_fd(self._wakeup)
        for number, before in self._handlers.items():
            signal.signal(number, before)
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raises Interrupted for the first signal, or lets Dagster's handler do as it does for SIGINT."""
        self.hear(number)
        current = signal.getsignal(signal.SIGINT)
        if current != self.handle and callable(current):
            current(signal.SIGINT, frame)
        elif not self._raised:
            self._raised = True
            raise Interrupted(number)

    def hear(self, number: int) -> None:
        """Notes the first signal."""
        if self.number is None:
            self._at = time.monotonic()
            self.number = number

    @contextmanager
    def kept(self, hooks: list[Hook], hook: Hook) -> Iterator[None]:
        """One of ``hooks`` while inside."""
        with self._lock:
            hooks.append(hook)
        try:
            yield
        finally:
            with self._lock:
                hooks.remove(hook)

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Inside the longer patience holds."""
        with self._lock:
            self._commits += 1
        try:
            yield
        finally:
            with self._lock:
                self._commits -= 1
                self._committed_at = time.monotonic()

    def _watch(self) -> None:
        """The thread: the system writes a byte per signal, whatever the main thread is busy with."""
        while numbers := [n for n in os.read(self._reader, 64) if n in SIGNALS]:
            self.hear(numbers[0])
            self.heard.set()
            while not self._over.is_set():
                for hook in list(self.hooks):
                    with suppress(Exception):  # a connection that is closed meanwhile needs no interrupt
                        hook()
                if time.monotonic() > self._limit():
                    self._end_by_force()
                self._over.wait(REPEAT)
            return

    def _limit(self) -> float:
        if self._commits:
            return self._at + COMMIT_PATIENCE
        return max(self._at + self.patience, min(self._committed_at + UNWIND, self._at + COMMIT_PATIENCE))

    def _end_by_force(self) -> None:
        for words in [threading.Thread(target=hook, daemon=True) for hook in self.last_words]:
            words.start()
            words.join(LAST_WORDS)
        interrupted = Interrupted(self.number or signal.SIGTERM)
        with suppress(OSError, ValueError):
            sys.stderr.write(f"error: {interrupted}; ended by force, what was committed stays\n")
            sys.stderr.flush()
        os._exit(interrupted.exit_code)


_watch: _Watch | None = None


@contextmanager
def heeded() -> Iterator[None]:
    """Signals end what happens inside, which then raises Interrupted, whatever error it was broken off with.

    Signals are the main thread's: in another one, and inside of another ``heeded``, nothing changes.
    """
    global _watch
    if _watch is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _deaf_at_the_end()
    watch = _watch = _Watch()
    watch.begin()
    try:
        yield
        check()
    except GeneratorExit:
        raise
    except BaseException as error:
        watch = _watch or watch  # another one after what was unheeded
        if watch.number is None or isinstance(error, Interrupted):
            raise
        raise Interrupted(watch.number) from error
    finally:
        ended, _watch = _watch or watch, None
        ended.end()


@cache
def _deaf_at_the_end() -> None:
    """While the interpreter takes itself apart, all is done and the exit code stands: a signal that comes then must
    not end the process by its raw number."""

    def ignore() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    atexit.register(ignore)


@contextmanager
def unheeded() -> Iterator[None]:
    """For what has handlers of its own: inside, signals are what they were before ``heeded``."""
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
        _watch = _Watch()
        _watch.begin()


def asked() -> bool:
    """Whether the process was asked to end."""
    return _watch is not None and _watch.number is not None


def check() -> None:
    """Raises Interrupted where the process was asked to end."""
    if _watch is not None and _watch.number is not None:
        raise Interrupted(_watch.number)


def wait(seconds: float) -> None:
    """Sleeps. Raises Interrupted as soon as the process is asked to end."""
    if _watch is None:
        time.sleep(seconds)
        return
    _watch.heard.wait(seconds)
    check()


@contextmanager
def interrupting(hook: Hook) -> Iterator[None]:
    """``hook`` ends what runs inside: called from a thread, every 0.2 s from the signal on."""
    if _watch is None:
        yield
    else:
        with _watch.kept(_watch.hooks, hook):
            yield


@contextmanager
def last_words(hook: Hook) -> Iterator[None]:
    """``hook`` is called, from a thread, before a process that does not end in time is ended by force."""
    if _watch is None:
        yield
    else:
        with _watch.kept(_watch.last_words, hook):
            yield


@contextmanager
def committing() -> Iterator[None]:
    """Inside is one commit of a table, which may take longer to end than other work."""
    if _watch is None:
        yield
    else:
        with _watch.commit():
            yield


def run(work: Coroutine[Any, Any, Result], tell: Hook | None = None, patience: float = PATIENCE) -> Result:
    """``asyncio.run``. A signal cancels ``work``; then Interrupted is raised, also where the work ended well.

    With ``tell`` a signal calls that in the loop instead, and ``work`` ends by itself, within ``patience`` seconds;
    its result is returned, and ``asked`` says that it was asked to end.
    """
    watch = _watch
    if watch is None or threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    try:
        check()
        watch.patience = patience
        with _quiet_handlers():
            result = asyncio.run(_watched(watch, work, tell))
    except (asyncio.CancelledError, Exception) as error:
        if watch.number is not None:
            raise Interrupted(watch.number) from error
        raise
    finally:
        watch.patience = PATIENCE
        work.close()  # nothing where it has run; else it was never begun
    if tell is None:
        check()
    return result


async def _watched(watch: _Watch, work: Coroutine[Any, Any, Result], tell: Hook | None) -> Result:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    end = tell or task.cancel
    ended = False

    def once() -> None:  # a second cancellation would break off the cleaning up after the first
        nonlocal ended
        if not ended:
            ended = True
            loop.call_soon_threadsafe(end)

    with watch.kept(watch.hooks, once):
        return await task


@contextmanager
def _quiet_handlers() -> Iterator[None]:
    """Handlers that raise would raise inside of any task of the loop, which keeps the error to itself."""
    before = {n: signal.getsignal(n) for n in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
