"""The id of an instrument: its venue and the venue's own id of it, and their text ``<venue>:<native id>``.

Belongs here: reading and writing that text. Native ids are opaque: they may contain colons and dots, and have no
fixed length.
"""

from __future__ import annotations

from typing import NamedTuple


class InstrumentId(NamedTuple):
    """A venue's name and the venue's own id of the instrument."""

    venue: str
    native: str

    @classmethod
    def parse(cls, text: str) -> InstrumentId:
        """Reads ``<venue>:<native id>``. The first colon separates. Raises ValueError where a part is missing."""
        venue, _, native = text.partition(":")
        if not venue or not native:
            raise ValueError(f"instrument id {text!r}: expected <venue>:<native id>")
        return cls(venue, native)

    @staticmethod
    def prefix(venue: str) -> str:
        """The text that every instrument id of a venue begins with."""
        return f"{venue}:"

    def __str__(self) -> str:
        return f"{self.venue}:{self.native}"
