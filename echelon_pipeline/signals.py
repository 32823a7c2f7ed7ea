"""Signal handlers of a process, and the thread that ends its work.

Belongs here: handling SIGINT, SIGTERM and SIGHUP. ``stopping.py`` stops each kind of work. A process that does not end
in time exits by force. That loses no committed data, because all work survives a SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

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


class SignalWatch:
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
