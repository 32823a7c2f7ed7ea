"""Clients of venues: one policy for HTTP requests, one for WebSocket streams, the rates.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from echelon_pipeline.settings.group import Group


class ClientsSettings(Group):
    """Clients: requests and streams"""

    user_agent: str = Field("echelon-pipeline", description="User-Agent header of every request.")
    http_timeout: float = Field(
        30.0, gt=0, description="Timeout in seconds for connecting, and for each pause between bytes of an answer."
    )
    http_total: float = Field(
        120.0, gt=0, description="Timeout in seconds for one attempt of a request, from sending to the last byte."
    )
    http_body_mb: int = Field(64, ge=1, description="Maximum megabytes of a decoded answer; a larger one is an error.")
    http_retries: int = Field(5, ge=0, description="Retries of a request after a transient failure.")
    http_backoff: float = Field(0.5, gt=0, description="First retry delay in seconds; doubles, with jitter.")
    http_backoff_max: float = Field(30.0, gt=0, description="Longest retry delay in seconds.")
    http_concurrency: int = Field(4, ge=1, description="Maximum number of concurrent requests to one venue.")
    breaker_failures: int = Field(
        8, ge=1, description="The run stops after this many consecutive requests that failed with all their retries."
    )
    ws_open_timeout: float = Field(10.0, gt=0, description="Timeout in seconds for opening a stream.")
    ws_ping_every: float = Field(10.0, gt=0, description="Seconds between pings on a stream.")
    ws_pong_within: float = Field(20.0, gt=0, description="Timeout in seconds for the pong to a ping.")
    ws_silence: float = Field(60.0, gt=0, description="Seconds without data after which a stream is reconnected.")
    ws_backoff: float = Field(1.0, gt=0, description="Minimum delay in seconds before a stream is reconnected.")
    ws_backoff_max: float = Field(60.0, gt=0, description="Maximum delay in seconds before a stream is reconnected.")
    ws_steady: float = Field(
        60.0, gt=0, description="Seconds of a working stream after which its failures are no longer counted."
    )
    ws_queue_frames: int = Field(
        10_000, ge=16, description="Frames of a stream in memory above which reading from it pauses."
    )
    ws_queue_mb: int = Field(
        64, ge=1, description="Megabytes of a stream's frames in memory above which reading from it pauses."
    )
    ws_frame_mb: int = Field(
        16,
        ge=1,
        description="Maximum megabytes of a decompressed message of a stream; a larger one closes the connection.",
    )
    rate_scale: float = Field(
        1.0, gt=0, description="Factor for every rate limit; a large value removes all waiting (sandbox)."
    )

    @field_validator("user_agent")
    @classmethod
    def _header(cls, value: str) -> str:
        if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
            raise ValueError("expected one line of printable ASCII without a blank at either end")
        return value
