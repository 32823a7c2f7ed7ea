"""One frame on its way to a client, whichever venue's.

Belongs here: what the faults need to know of a frame. Its content is the sessions' matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from echelon_pipeline.sandbox.universe.account import Deed


@dataclass(frozen=True, slots=True)
class Frame:
    """``body``: a JSON value, or text as it is. ``instrument``: whose data it is; "" marks an answer to a command,
    which no fault hits. ``is_pong`` marks what a silent server still sends. ``us``: the sandbox's time of it."""

    body: object
    us: int
    instrument: str = ""
    is_pong: bool = False

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else msgspec.json.encode(self.body).decode()


class Session(Protocol):
    """What a venue does on one connection. Times are the sandbox's, in microseconds, and never go back."""

    def receive(self, text: str, us: int) -> list[Frame]:
        """Answers to a client's frame; what happened until ``us`` comes first."""

    def advance(self, us: int) -> list[Frame]:
        """What happened since the last call."""

    def rows(self) -> set[int]:
        """Instruments whose books this connection follows."""


@runtime_checkable
class Owned(Protocol):
    """A session that an account may listen on."""

    def tell(self, deed: Deed) -> list[Frame]:
        """What the account did, as far as this connection asked for it."""
