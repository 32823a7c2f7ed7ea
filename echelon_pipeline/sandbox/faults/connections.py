"""What goes wrong between a session and its client, and the record of it.

Belongs here: faults of frames and connections. Which frame is hit follows from the seed, the connection's number
and the frame's, so a run can be repeated. Only data frames are hit, but silence swallows every answer except PONG.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum

from echelon_pipeline.sandbox.faults.faults import CONNECTION_FAULTS, FRAME_FAULTS, FaultPlan
from echelon_pipeline.sandbox.server.sessions import Frame
from echelon_pipeline.sandbox.universe.randomness import cell, salt

SLOW_SECONDS = 0.05  # between two frames of a throttled connection
_DRAWN = (*FRAME_FAULTS, *CONNECTION_FAULTS)


class Break(Enum):
    """What a line says instead of a text."""

    CUT = "cut"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault that happened. ``frame``: number of the connection's data frame, 0 where there is none."""

    kind: str
    venue: str
    connection: str
    instrument: str
    us: int
    frame: int
    wall: str


class FaultLog:
    """Every injected fault in the order they happened."""

    def __init__(self) -> None:
        self.entries: list[Injected] = []

    def add(self, kind: str, venue: str, connection: str, instrument: str, us: int, frame: int = 0) -> None:
        wall = datetime.now(UTC).isoformat()
        self.entries.append(Injected(kind, venue, connection, instrument, us, frame, wall))

    def body(self) -> dict[str, object]:
        return {"faults": [asdict(e) for e in self.entries], "counts": dict(Counter(e.kind for e in self.entries))}


class Line:
    """The way of one connection's frames. ``number`` counts the connections of its venue from 1."""

    def __init__(self, plan: FaultPlan, log: FaultLog, venue: str, number: int) -> None:
        self._plan, self._log, self.venue = plan, log, venue
        self.connection = f"{venue}-{number}"
        self._key = salt(plan.seed, f"ws {self.connection}")
        self._frames = self._numbers = 0
        self._held: str | None = None
        self._forced: deque[tuple[str, str]] = deque()
        self._us = 0
        self.is_silent = self.is_broken = False
        self.pause = 0.0  # seconds before every frame

    # --- on purpose

    def force(self, kind: str, instrument: str, us: int) -> list[str | Break]:
        """A fault of connections happens now; one of frames hits the next data frame (of the instrument, if given)."""
        if kind in CONNECTION_FAULTS:
            return self._break(kind, instrument, us)
        self._forced.append((kind, instrument))
        return []

    def _is_forced(self, kinds: Iterable[str], instrument: str) -> str | None:
        for entry in self._forced:
            if entry[0] in kinds and entry[1] in ("", instrument):
                self._forced.remove(entry)
                return entry[0]
        return None

    def _draw(self, kinds: Iterable[str], count: int, instrument: str) -> str | None:
        if forced := self._is_forced(kinds, instrument):
            return forced
        luck = cell(self._key, count) / 2**32
        for kind in kinds:
            luck -= self._plan.ws.get(kind, 0.0)
            if luck < 0:
                return kind
        return None

    # --- on the way

    def skips(self, instrument: str) -> bool:
        """Whether a sequence number is left out here."""
        self._numbers += 1
        if self._draw(("seq_gap",), self._numbers + 2**30, instrument) is None:
            return False
        self._record("seq_gap", instrument, self._us)
        return True

    def at(self, us: int) -> None:
        """The time of what is made next."""
        self._us = us

    def passed(self, frames: Iterable[Frame]) -> list[str | Break]:
        """What leaves of these frames, in order."""
        found: list[str | Break] = []
        for frame in frames:
            if self.is_broken or (self.is_silent and not frame.is_pong):
                continue
            found += self._data(frame) if frame.instrument else [frame.text]
        return found

    def _data(self, frame: Frame) -> list[str | Break]:
        self._frames += 1
        kind = self._draw(_DRAWN, self._frames, frame.instrument)
        if kind in CONNECTION_FAULTS:
            broken = self._break(kind, frame.instrument, frame.us)
            return [*broken, *([frame.text] if kind == "slow" else [])]
        if kind is not None:
            self._record(kind, frame.instrument, frame.us)
        if kind == "drop":
            return []
        late, self._held = self._held, None
        if kind == "reorder" and late is None:
            self._held = frame.text
            return []
        texts: list[str | Break] = [frame.text, *([late] if late is not None else [])]
        if kind == "duplicate":
            texts.insert(0, frame.text)
        if kind == "garbage":
            texts.insert(0, frame.text[: len(frame.text) // 2])
        return texts

    def _break(self, kind: str | None, instrument: str, us: int) -> list[str | Break]:
        self._record(str(kind), instrument, us)
        if kind == "stall":
            self.is_silent = True
        elif kind == "slow":
            self.pause = SLOW_SECONDS
        else:
            self.is_broken = True
            return [Break.CUT if kind == "disconnect" else Break.DARK]
        return []

    def _record(self, kind: str, instrument: str, us: int) -> None:
        self._log.add(kind, self.venue, self.connection, instrument, us, self._frames)
