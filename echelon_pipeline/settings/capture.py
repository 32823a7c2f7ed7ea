"""Recording of streams, and listeners.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from echelon_pipeline.settings.group import Group


class CaptureSettings(Group):
    """Streams: recording, and listeners"""

    capture_flush: float = Field(1.0, gt=0, description="Maximum seconds until received frames are durable.")
    capture_segment: float = Field(300.0, gt=0, description="Length of a segment of received frames, in seconds.")
    capture_renew: float = Field(5.0, gt=0, description="Seconds between two requests for a lost book.")
    capture_waiting_mb: int = Field(
        64, ge=1, description="Maximum megabytes of received frames that wait to be written to disk."
    )
    latest_ttl: float = Field(
        60.0, gt=0, description="Seconds after which the latest state of a book expires if it is not updated."
    )
    listeners_file: Path | None = Field(
        None, description="YAML file of listeners. The listener sensor reads it again after each change."
    )
    listen_shift: float = Field(21_600.0, gt=0, description="Length of a listener's shift, in seconds.")
    listen_overlap: float = Field(
        60.0, gt=0, description="Seconds before the end of a shift when its successor starts; at most half a shift."
    )
    listen_lease: float = Field(
        30.0, gt=0, description="Seconds without a sign of life after which a listener counts as dead."
    )
    listen_probe_seconds: float = Field(
        10.0,
        ge=0,
        description="Seconds between two requests of a listener for order books by REST. They prove its books, find "
        "lost changes and resynchronise lost books. 0: no requests.",
    )
    listen_retry: float = Field(60.0, gt=0, description="Seconds before a refused stream is opened again.")
