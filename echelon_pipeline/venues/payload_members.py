"""What scans and walks look at in payloads before anything is parsed: a member or two of each object.

Belongs here: reading them, however odd an object is. What it does not say counts as not said: the parsers judge it
later and keep it as a dead letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from echelon_pipeline.venues.cutting import UNREADABLE, MalformedError, among
from echelon_pipeline.venues.page import RawObject

Shape = TypeVar("Shape", bound=msgspec.Struct)


def peek(seen: RawObject, shape: type[Shape], *, strict: bool = True) -> Shape | None:
    """The members of a shape; None where the object does not have them so. Not ``strict``: numbers may be texts."""
    try:
        return msgspec.json.decode(seen.payload, type=shape, strict=strict)
    except UNREADABLE:
        pass
    try:  # what is odd may be another member
        return msgspec.json.decode(among(seen.payload, shape.__struct_encode_fields__), type=shape, strict=strict)
    except (*UNREADABLE, MalformedError):
        return None


def peek_all(objects: Iterable[RawObject], shape: type[Shape], *, strict: bool = True) -> Iterator[Shape]:
    """The same of many objects, without those that do not have them so."""
    for seen in objects:
        found = peek(seen, shape, strict=strict)
        if found is not None:
            yield found


def utc(moment: datetime) -> datetime:
    """A time as served; one without a zone is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
