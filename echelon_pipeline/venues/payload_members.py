"""Reads the members of payloads that scans and walks need before parsing.

Belongs here: reading members of any object, also malformed ones. An unreadable member counts as missing: the parsers
validate it later and keep it as a dead letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from echelon_pipeline.venues.cutting import UNREADABLE, MalformedError, among
from echelon_pipeline.venues.page import RawObject

Shape = TypeVar("Shape", bound=msgspec.Struct)


def read_members(seen: RawObject, shape: type[Shape], *, strict: bool = True) -> Shape | None:
    """The members as a struct; None where the object does not match. Not ``strict``: numbers may be texts."""
    try:
        return msgspec.json.decode(seen.payload, type=shape, strict=strict)
    except UNREADABLE:
        pass
    try:  # another member may be malformed
        return msgspec.json.decode(among(seen.payload, shape.__struct_encode_fields__), type=shape, strict=strict)
    except (*UNREADABLE, MalformedError):
        return None


def read_members_of_all(objects: Iterable[RawObject], shape: type[Shape], *, strict: bool = True) -> Iterator[Shape]:
    """read_members() for many objects, without those that do not match."""
    for seen in objects:
        found = read_members(seen, shape, strict=strict)
        if found is not None:
            yield found


def utc(moment: datetime) -> datetime:
    """A time as served; a time without a zone is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
