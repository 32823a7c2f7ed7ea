"""Gamma: metadata of markets, events and series.

Belongs here: Gamma's paths, filters, caps and cursors (reference: section 1). Prices and volumes in these
objects are as of now and up to five minutes old.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from echelon_pipeline.venues import cutting
from echelon_pipeline.venues.cutting import (
    MalformedError,
    elements,
    is_null,
    is_sound,
    members,
    plain,
    sound_parts,
    text_of,
)
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.answers import (
    Host,
    Value,
    as_context,
    chunks,
    distinct,
    key_of,
    listed,
    objects,
    query,
    rows,
)
from echelon_pipeline.venues.walk import Read

# The venue silently clamps larger limits.
KEYSET_LIMIT = 100
SERIES_LIMIT = 50


class Gamma:
    """Listings of the Gamma host. Every method gives pages whose objects are as served."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def markets(
        self, *, condition_ids: Sequence[str] = (), cursor: str | None = None, **filters: Value
    ) -> AsyncIterator[Page]:
        """Markets by keyset (``/markets/keyset``), endpoint ``markets``, key: condition id.

        ``filters`` are Gamma's snake_case parameters (``closed``, ``volume_num_min``, ``end_date_min`` …);
        ``order`` takes camelCase names (``volumeNum``), ``active`` and ``archived`` are ignored by the venue.
        Closed markets need ``closed=True`` when they are asked for by slug, and may need it by id. More than
        100 ``condition_ids`` become several walks. Raises PagingStuck where the server ignores the cursor.
        """
        for ids in chunks(condition_ids, KEYSET_LIMIT) if condition_ids else [()]:
            params = query(condition_ids=ids, limit=KEYSET_LIMIT, **filters)
            walked = self._host.pages(
                "markets",
                "/markets/keyset",
                params,
                _keyset("markets", "conditionId"),
                param="after_cursor",
                start=cursor,
            )
            async for page in distinct(walked):
                yield page

    async def events(self, *, cursor: str | None = None, **filters: Value) -> AsyncIterator[Page]:
        """Events by keyset (``/events/keyset``): per answer a page of endpoint ``events``, then one of
        endpoint ``markets`` with the markets inside them, cut out as served; their context names the event."""
        params = query(limit=KEYSET_LIMIT, **filters)
        walked = self._host.pages(
            "events", "/events/keyset", params, _keyset("events", "id"), param="after_cursor", start=cursor
        )
        async for page in distinct(walked):
            yield replace(page, objects=tuple(_sound_event(o) for o in page.objects))
            yield nested_markets(page)

    def series(self, **filters: Value) -> AsyncIterator[Page]:
        """All series; the ordering by volume is left out because the server fails on it."""
        return self._offset("series", "/series", SERIES_LIMIT, filters)

    async def _offset(self, endpoint: str, path: str, limit: int, filters: dict[str, Value]) -> AsyncIterator[Page]:
        """Bare arrays by offset. The walk ends with the first empty page: a short page may be a clamped one."""
        reached = 0

        def read(body: bytes) -> tuple[list[RawObject], str | None]:
            nonlocal reached
            found = objects(rows(body, path), key="id")
            reached += len(found)
            return found, str(reached) if found else None

        params = query(limit=limit, **filters)
        async for page in distinct(self._host.pages(endpoint, path, params, read, param="offset")):
            if page.objects:
                yield page


def _keyset(name: str, key: str) -> Read:
    path = f"/{name}/keyset"

    def read(body: bytes) -> tuple[list[RawObject], str | None]:
        found = objects(listed(body, name, path), key=key)
        return found, text_of(members(body).get("next_cursor"))

    return read


def nested_markets(page: Page) -> Page:
    """The markets inside a page of events. An event without ``markets`` (slim answers) has none, nor has one that is
    no object; what stands where the list should be is kept as one odd market."""
    found: list[RawObject] = []
    for event in page.objects:
        try:
            fields = members(event.payload)
            lists = cutting.lists(event.payload, "markets")
        except MalformedError:
            continue
        context = as_context(_event_context(fields))
        for value in lists:
            found += [RawObject(market, key_of(market, "conditionId"), context) for market in _markets(value)]
    return Page("markets", page.request, page.number, page.received_at, tuple(found), page.cursor)


def _sound_event(event: RawObject) -> RawObject:
    """The event as served; without those of its markets that would make it unreadable, for they are objects of their
    own."""
    try:
        return event if is_sound(event.payload) else replace(event, payload=sound_parts(event.payload, "markets")[0])
    except MalformedError:
        return event


def _markets(value: bytes) -> list[bytes]:
    try:
        return [] if is_null(value) else elements(value)
    except MalformedError:
        return [value]


def _event_context(fields: dict[str, bytes]) -> dict[str, object]:
    return {
        "event_id": text_of(fields.get("id")),
        "event_slug": text_of(fields.get("slug")),
        "series": _each(plain(fields.get("series")), "id"),
        "tags": _each(plain(fields.get("tags")), "label"),
        "category": text_of(fields.get("category")),
        "neg_risk": neg_risk if isinstance(neg_risk := plain(fields.get("negRisk")), bool) else None,
    }


def _each(items: Any, name: str) -> list[str]:
    """One member of every object of a list, as text, where there is one."""
    found = items if isinstance(items, list) else []
    each = [item.get(name) for item in found if isinstance(item, dict)]
    return [str(value) for value in each if isinstance(value, str | int) and value != ""]
