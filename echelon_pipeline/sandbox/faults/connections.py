"""Injects faults between a session and its client, and logs them.

Belongs here: faults of frames and connections. The seed, the number of the connection and the number of the frame
decide which frame is hit, so a run can be repeated. Only data frames are hit; a stalled connection sends nothing but
PONG.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum

from echelon_pipeline.sandbox.faults.faults import CONNECTION_FAULTS, FRAME_FAULTS, FaultPlan
from echelon_pipeline.sandbox.server.sessions import OutgoingFrame
from echelon_pipeline.sandbox.universe.randomness import bits_at, salt

SLOW_SECONDS = 0.05  # between two frames of a throttled connection
_DRAWN = (*FRAME_FAULTS, *CONNECTION_FAULTS)


class ConnectionBreak(Enum):
    """How a connection breaks; sent instead of a text."""

    ABORT = "abort"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """One injected fault. ``frame``: number of the connection's data frame, 0 if there is none."""

    kind: str
    venue: str
    connection: str
    instrument: str
    us: int
    frame: int
    wall: str


class FaultLog:
    """Every injected fault, in order of time."""

    def __init__(self) -> None:
        self.entries: list[FaultRecord] = []

    def add(self, kind: str, venue: str, connection: str, instrument: str, us: int, frame: int = 0) -> None:
        wall = datetime.now(UTC).isoformat()
        self.entries.append(FaultRecord(kind, venue, connection, instrument, us, frame, wall))

    def body(self) -> dict[str, object]:
        return {"faults": [asdict(e) for e in self.entries], "counts": dict(Counter(e.kind for e in self.entries))}


class FaultInjector:
    """Applies faults to the frames of one connection. ``number`` counts the connections of its venue from 1."""

    def __init__(self, plan: FaultPlan, log: FaultLog, venue: str, number: int) -> None:
        self._plan, self._log, self.venue = plan, log, venue
        self.connection = f"{venue}-{number}"
        self._key = salt(plan.seed, f"ws {self.connection}")
        self._frames = self._numbers = 0
        self._delayed: str | None = None
        self._forced: deque[tuple[str, str]] = deque()
        self._us = 0
        self.is_silent = self.is_broken = False
        self.pause = 0.0  # seconds before every frame

    # --- forced faults

    def force(self, kind: str, instrument: str, us: int) -> list[str | ConnectionBreak]:
        """Forces a fault: a connection fault at once, a frame fault at the next data frame (of the instrument, if
        given)."""
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
        luck = bits_at(self._key, count) / 2**32
        for kind in kinds:
            luck -= self._plan.ws.get(kind, 0.0)
            if luck < 0:
                return kind
        return None

    # --- frames

    def skips_number(self, instrument: str) -> bool:
        """Whether to skip a sequence number before the next frame."""
        self._numbers += 1
        if self._draw(("seq_gap",), self._numbers + 2**30, instrument) is None:
            return False
        self._record("seq_gap", instrument, self._us)
        return True

    def set_time(self, us: int) -> None:
        """Sets the time of the following faults."""
        self._us = us

    def apply(self, frames: Iterable[OutgoingFrame]) -> list[str | ConnectionBreak]:
        """The texts that are sent for these frames, in order."""
        texts: list[str | ConnectionBreak] = []
        for frame in frames:
            if self.is_broken or (self.is_silent and not frame.is_pong):
                continue
            texts += self._data(frame) if frame.instrument else [frame.text]
        return texts

    def _data(self, frame: OutgoingFrame) -> list[str | ConnectionBreak]:
        self._frames += 1
        kind = self._draw(_DRAWN, self._frames, frame.instrument)
        if kind in CONNECTION_FAULTS:
            broken = self._break(kind, frame.instrument, frame.us)
            return [*broken, *([frame.text] if kind == "slow" else [])]
        if kind is not None:
            self._record(kind, frame.instrument, frame.us)
        if kind == "drop":
            return []
        delayed, self._delayed = self._delayed, None
        if kind == "reorder" and delayed is None:
            self._delayed = frame.text
            return []
        texts: list[str | ConnectionBreak] = [frame.text, *([delayed] if delayed is not None else [])]
        if kind == "duplicate":
            texts.insert(0, frame.text)
        if kind == "garbage":
            texts.insert(0, frame.text[: len(frame.text) // 2])
        return texts

    def _break(self, kind: str | None, instrument: str, us: int) -> list[str | ConnectionBreak]:
        self._record(str(kind), instrument, us)
        if kind == "stall":
            self.is_silent = True
        elif kind == "slow":
            self.pause = SLOW_SECONDS
        else:
            self.is_broken = True
            return [ConnectionBreak.ABORT if kind == "disconnect" else ConnectionBreak.HALF_OPEN]
        return []

    def _record(self, kind: str, instrument: str, us: int) -> None:
        self._log.add(kind, self.venue, self.connection, instrument, us, self._frames)
