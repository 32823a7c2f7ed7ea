"""Recorded WebSocket streams as the sandbox plays them.

Belongs here: frames in the order of their times, and which venue's they are. The formats are
``venues/recorders.py``'s; playing is ``server/replays.py``. What is no frame is counted by reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from echelon_pipeline.errors import BadImport, BadSettings
from echelon_pipeline.venues.recorders import frames_of

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Captured:
    """``us``: since the first frame. ``body``: JSON."""

    us: int
    body: bytes


@dataclass
class Capture:
    """Frames in the order of their times. ``skipped``: what was no frame, by reason."""

    venue: Literal["kalshi", "polymarket"]
    frames: list[Captured]
    skipped: Counter[str] = field(default_factory=Counter)


def load(path: Path) -> Capture:
    """A file, or a folder whose files are one stream. Raises BadSettings."""
    try:
        every = frames_of(path)
    except BadImport as error:
        raise BadSettings(str(error)) from error
    skipped = Counter(f.frame for f in every if isinstance(f.frame, str))
    found = sorted((f for f in every if not isinstance(f.frame, str)), key=lambda f: f.at)
    if not found:
        raise BadSettings(f"{path} has no WebSocket frames of a format that is known here")
    is_kalshi = isinstance(found[0].frame, dict) and "sid" in found[0].frame
    first = found[0].at
    frames = [Captured(f.at - first, msgspec.json.encode(f.frame)) for f in found]
    return Capture("kalshi" if is_kalshi else "polymarket", frames, skipped)
