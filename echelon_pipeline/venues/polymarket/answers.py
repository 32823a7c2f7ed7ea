"""Extracts objects from Polymarket's answers, byte for byte, and requests pages from one host.

Belongs here: the shapes that the three hosts share (lists, envelopes, cursors) and the walk over them.
``gamma.py``, ``clob.py`` and ``data.py`` have the paths, ``sql/parse`` interprets objects.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlencode

from echelon_pipeline.errors import BadRequest, PagingStuck, SchemaDrift
from echelon_pipeline.venues import cutting
from echelon_pipeline.venues.cutting import MalformedError, elements, first, text_of
from echelon_pipeline.venues.http import Query, VenueHttp
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.walk import Clock, Read, walk

Value = str | int | bool | datetime | Sequence[str] | None
T = TypeVar("T")
Cut = Callable[[bytes], list[RawObject]]


def members(body: bytes, where: str) -> dict[str, bytes]:
    """The members of a JSON object as bytes; SchemaDrift where it is not an object."""
    try:
        return cutting.members(body)
    except MalformedError as error:
        raise _drift(body, where, "an object") from error


def listed(body: bytes, name: str, where: str) -> list[bytes]:
    """The elements of an answer's member ``name``, of any kind; SchemaDrift where it is missing or
    not an array."""
    try:
        lists = cutting.lists(body, name)
    except MalformedError as error:
        raise _drift(body, where, "an object") from error
    if not lists:
        raise SchemaDrift(f"{where} $.{name}: expected an array, it is missing")
    return [row for value in lists for row in rows(value, f"{where} $.{name}")]


def rows(body: bytes, where: str) -> list[bytes]:
    """The elements of a JSON array as bytes; SchemaDrift where it is not an array."""
    try:
        return elements(body)
    except MalformedError as error:
        raise _drift(body, where, "an array") from error


def objects(found: Iterable[bytes], *, key: str | None = None, context: object = None) -> list[RawObject]:
    """Elements as raw objects; ``key`` names the member that holds the venue's id."""
    said = as_context(context)
    return [RawObject(raw, key_of(raw, key), said) for raw in found]


def key_of(raw: bytes, key: str | None) -> str | None:
    """The venue's id inside an object; None for what is no object (the parsers judge it)."""
    return None if key is None else text_of(first(raw, key))


def as_context(value: object) -> str | None:
    """JSON text of what an answer says outside its objects."""
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def query(**values: Value) -> Query:
    """Query pairs in the venues' forms: lists as repeated keys, true/false, RFC 3339 times; None is left out."""
    pairs: Query = []
    for name, value in values.items():
        many = [value] if value is None or isinstance(value, str | int | datetime) else value
        pairs += [(name, _word(item)) for item in many if item is not None]
    return pairs


def seconds(moment: datetime) -> int:
    """Unix seconds, rounded down; BadRequest for a time without a zone."""
    if moment.tzinfo is None:
        raise BadRequest(f"a time without a zone cannot be requested: {moment}")
    return int(moment.timestamp() // 1)


def chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """Slices of at most ``size`` items."""
    return (items[i : i + size] for i in range(0, len(items), size))


def at_most(what: str, items: Sequence[str], limit: int) -> Sequence[str]:
    """The items; BadRequest above the venue's limit (the venue would refuse or truncate the request)."""
    if len(items) > limit:
        raise BadRequest(f"{what}: {len(items)} given, the venue takes at most {limit}")
    return items


class Host:
    """One host of the venue: single answers and walks, stamped by ``clock``."""

    def __init__(self, http: VenueHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def one(self, endpoint: str, path: str, cut: Cut, params: Query) -> Page:
        """The page of one GET."""
        answer = await self._http.get(path, params, group=endpoint)
        return self.page(endpoint, request_text(path, params), cut(answer))

    async def posted(self, endpoint: str, path: str, cut: Cut, body: object) -> Page:
        """The page of one POST that reads; its body is part of the request text."""
        answer = await self._http.post(path, body, group=endpoint)
        return self.page(endpoint, f"{path} {as_context(body)}", cut(answer))

    async def posted_body(self, path: str, body: object, *, group: str) -> bytes:
        """Body of the answer to one POST that reads."""
        return await self._http.post(path, body, group=group)

    def page(self, endpoint: str, request: str, found: Iterable[RawObject], number: int = 0) -> Page:
        """A page that was read just now."""
        return Page(endpoint, request, number, self._clock(), tuple(found))

    async def pages(
        self,
        endpoint: str,
        path: str,
        params: Query,
        read: Read,
        *,
        param: str,
        start: str | None = None,
    ) -> AsyncIterator[Page]:
        """A walk: the filters go with every cursor (the venue forgets them), the cursor as ``param``."""

        async def ask(cursor: str | None) -> tuple[str, bytes]:
            at = start if cursor is None else cursor
            full = params if at is None else [*params, (param, at)]
            return request_text(path, full), await self._http.get(path, full, group=endpoint)

        async for page in walk(endpoint, ask, read, clock=self._clock):
            yield page


async def distinct(pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
    """The pages; PagingStuck where one brings no id beyond the first and the previous page's.

    Gamma answers page 1 with a fresh cursor and 200 to a cursor that it does not understand; prices in
    the objects may differ by then, so that only the ids tell (reference: Gamma 1.1).
    """
    first: frozenset[str] = frozenset()
    previous: frozenset[str] = frozenset()
    async for page in pages:
        ids = frozenset(o.key for o in page.objects if o.key is not None)
        if ids and ids <= first | previous:
            raise PagingStuck(f"{page.endpoint}: page {page.number} brings no new id; the cursor is being ignored")
        first, previous = first or ids, ids
        yield page


def request_text(path: str, params: Query) -> str:
    """Path and query as stored beside every object."""
    return path + (f"?{urlencode(params)}" if params else "")


def _word(value: str | int | datetime) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        seconds(value)
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def _drift(body: bytes, where: str, expected: str) -> SchemaDrift:
    return SchemaDrift(f"{where}: expected {expected}, got {body[:120].decode('utf-8', 'replace')}")
