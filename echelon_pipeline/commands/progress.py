"""The progress callback of long commands: a bar on a terminal, plain lines elsewhere.

Belongs here: showing ``(stage, done, total)``. The code that does the work chooses the stages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

Callback = Callable[[str, int, int | None], None]

LINE_EVERY_SECONDS = 10.0


@contextmanager
def shown_progress(console: Console) -> Iterator[Callback]:
    """A callback ``progress(stage, done, total)`` that shows every stage. ``total`` is None if unknown."""
    if console.is_terminal:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        ) as bar:
            yield _Bars(bar)
    else:
        lines = Lines(console)
        yield lines
        lines.finish()


class _Bars:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=total)
        self._bar.update(self._tasks[stage], completed=done, total=total)


class Lines:
    """Prints one line when a stage begins, one when it ends, and one every ``every`` seconds in between."""

    def __init__(
        self, console: Console, clock: Callable[[], float] = time.monotonic, every: float = LINE_EVERY_SECONDS
    ) -> None:
        self._console = console
        self._clock = clock
        self._every = every
        self._begun: dict[str, float] = {}
        self._shown: dict[str, float] = {}
        self._unshown: dict[str, tuple[str, float]] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = self._clock()
        if stage not in self._begun:
            self.finish()
        begun = self._begun.setdefault(stage, now)
        count = f"{done}/{total}" if total is not None else str(done)
        self._unshown[stage] = (f"{stage}: {count} ({now - begun:.0f} s)", now)
        if stage not in self._shown or done == total or now - self._shown[stage] >= self._every:
            self._print(stage)

    def finish(self) -> None:
        """Shows the last state of stages that did not report their end."""
        for stage in list(self._unshown):
            self._print(stage)

    def _print(self, stage: str) -> None:
        line, self._shown[stage] = self._unshown.pop(stage)
        self._console.print(line, soft_wrap=True)
