"""Outgoing frames, and the protocol of a session on one connection.

Belongs here: the parts that both venues share. The venues' ``session`` modules make the frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import msgspec

from echelon_pipeline.sandbox.universe.account import AccountEvent


@dataclass(frozen=True, slots=True)
class OutgoingFrame:
    """``body``: a JSON value, or text as it is. ``instrument``: the instrument of a data frame; "" for an answer to a
    command, which no fault hits. ``is_pong``: a stalled connection still sends it. ``us``: the sandbox's time."""

    body: object
    us: int
    instrument: str = ""
    is_pong: bool = False

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else msgspec.json.encode(self.body).decode()


class SocketSession(Protocol):
    """A venue's side of one connection. Times are the sandbox's, in microseconds, and never go back."""

    def receive(self, text: str, us: int) -> list[OutgoingFrame]:
        """Answers to a client's frame; data up to ``us`` comes first."""

    def advance(self, us: int) -> list[OutgoingFrame]:
        """Data since the last call."""

    def rows(self) -> set[int]:
        """Rows of the instruments whose books this connection is subscribed to."""


@runtime_checkable
class AccountSession(Protocol):
    """A session with private channels."""

    def account_event(self, event: AccountEvent) -> list[OutgoingFrame]:
        """Frames of an account event, as far as this connection subscribed to it."""
