"""Recorded WebSocket streams for the sandbox to play.

Belongs here: loading frames in the order of their times, and recognising their venue. ``venues/recorders.py`` reads the
formats, ``server/playback.py`` plays the frames. Lines that are not frames are counted by reason.
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
class CapturedFrame:
    """``us``: microseconds since the first frame. ``body``: JSON."""

    us: int
    body: bytes


@dataclass
class Capture:
    """Frames in the order of their times. ``skipped``: number of lines that are not frames, by reason."""

    venue: Literal["kalshi", "polymarket"]
    frames: list[CapturedFrame]
    skipped: Counter[str] = field(default_factory=Counter)


def load(path: Path) -> Capture:
    """Loads a file, or a folder whose files are one stream. Raises BadSettings."""
    try:
        lines = frames_of(path)
    except BadImport as error:
        raise BadSettings(str(error)) from error
    skipped = Counter(f.frame for f in lines if isinstance(f.frame, str))
    known = sorted((f for f in lines if not isinstance(f.frame, str)), key=lambda f: f.at)
    if not known:
        raise BadSettings(f"{path} has no WebSocket frames of a known format")
    is_kalshi = isinstance(known[0].frame, dict) and "sid" in known[0].frame
    first = known[0].at
    frames = [CapturedFrame(f.at - first, msgspec.json.encode(f.frame)) for f in known]
    return Capture("kalshi" if is_kalshi else "polymarket", frames, skipped)
