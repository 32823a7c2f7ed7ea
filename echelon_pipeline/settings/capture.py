"""Recording of streams, and listeners.

Belongs here: fields, their checks, and what follows from them alone.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from echelon_pipeline.settings.group import Group


class CaptureSettings(Group):
    """Streams: recording, and listeners"""

    capture_flush: float = Field(1.0, gt=0, description="Seconds after which received frames are durable.")
    capture_segment: float = Field(300.0, gt=0, description="Seconds of a segment of received frames.")
    capture_renew: float = Field(5.0, gt=0, description="Seconds before a lost book is asked for again.")
    capture_waiting_mb: int = Field(64, ge=1, description="Received frames that may wait for the disk.")
    capture_retention_days: int | None = Field(
        None, ge=1, description="Days after which derived recordings are deleted. Default: never."
    )
    latest_ttl: float = Field(
        60.0, gt=0, description="Seconds after which the latest state of a book is gone unless it is told again."
    )
    listeners_file: Path | None = Field(
        None, description="YAML file of listeners, read when listeners are looked after and it has changed."
    )
    listen_shift: float = Field(21_600.0, gt=0, description="Seconds after which a listener's shift ends.")
    listen_overlap: float = Field(
        60.0, gt=0, description="Seconds before that in which its successor records already, at most half a shift."
    )
    listen_lease: float = Field(
        30.0, gt=0, description="Seconds after which a listener that gives no sign of life counts as dead."
    )
    listen_retry: float = Field(60.0, gt=0, description="Seconds before a stream that refused us is asked again.")
