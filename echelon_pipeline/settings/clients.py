"""How venues are asked: one policy for HTTP, one for WebSockets, the rates.

Belongs here: fields, their checks, and what follows from them alone.
"""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from echelon_pipeline.settings.group import Group


class ClientsSettings(Group):
    """Clients: how venues are asked"""

    user_agent: str = Field("echelon-pipeline", description="User-Agent header of every request.")
    http_timeout: float = Field(
        30.0, gt=0, description="Seconds for connecting, and without a byte while an answer is read."
    )
    http_total: float = Field(
        120.0, gt=0, description="Seconds for one attempt of a request in all, from sending to the last byte."
    )
    http_body_mb: int = Field(64, ge=1, description="Largest answer, decoded; reading a larger one stops there.")
    http_retries: int = Field(5, ge=0, description="Retries of a request after a transient failure.")
    http_backoff: float = Field(0.5, gt=0, description="First retry delay in seconds; doubles, with jitter.")
    http_backoff_max: float = Field(30.0, gt=0, description="Longest retry delay in seconds.")
    http_concurrency: int = Field(4, ge=1, description="Requests of one venue under way at once.")
    breaker_failures: int = Field(8, ge=1, description="Exhausted requests in a row that stop the run.")
    ws_open_timeout: float = Field(10.0, gt=0, description="Seconds for opening a stream.")
    ws_ping_every: float = Field(10.0, gt=0, description="Seconds between keep-alives on a stream.")
    ws_pong_within: float = Field(20.0, gt=0, description="Seconds for the answer to a keep-alive.")
    ws_silence: float = Field(60.0, gt=0, description="Seconds without data after which a stream is opened anew.")
    ws_backoff: float = Field(1.0, gt=0, description="Shortest wait in seconds before a stream is opened anew.")
    ws_backoff_max: float = Field(60.0, gt=0, description="Longest such wait.")
    ws_steady: float = Field(60.0, gt=0, description="Seconds after which a stream's failures are forgotten.")
    ws_queue_frames: int = Field(10_000, ge=16, description="Frames of a stream held before reading from it pauses.")
    ws_queue_mb: int = Field(64, ge=1, description="Megabytes of a stream held before reading from it pauses.")
    ws_frame_mb: int = Field(
        16,
        ge=1,
        description="Largest message of a stream in megabytes, decompressed; a larger one ends the connection.",
    )
    rate_scale: float = Field(
        1.0, gt=0, description="Multiplies every rate limit; large values mean no waiting (sandbox)."
    )

    @field_validator("user_agent")
    @classmethod
    def _header(cls, value: str) -> str:
        if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
            raise ValueError("expected printable ASCII in one line, with no blank at its ends")
        return value
