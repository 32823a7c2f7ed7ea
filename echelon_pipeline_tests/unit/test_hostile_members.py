"""Members with one odd field at a time, every parsed endpoint: good neighbours land, every member is judged once.

Belongs here: a page of one good member, then the same member with each field odd in each way and each name twice. Whole
members that are odd are in ``integration/test_hostile_pages.py``; random mutations in ``test_polymarket_fuzz.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from echelon_pipeline.ingest.parse import derive
from echelon_pipeline.lake.merge import check_rules
from echelon_pipeline.sqltools.duck import connect
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.kalshi.walks import KalshiTrades
from echelon_pipeline.venues.kalshi.walks import rank as kalshi_rank
from echelon_pipeline.venues.kinds import PayloadKind
from echelon_pipeline.venues.page import Page, RawObject
from echelon_pipeline.venues.polymarket.answers import key_of
from echelon_pipeline.venues.polymarket.gamma import nested_markets
from echelon_pipeline.venues.polymarket.walks import rank as polymarket_rank
from echelon_pipeline_tests.fakes import RECEIVED, known_outcomes, raw_table
from echelon_pipeline_tests.hostile import HOSTILE, dumped, spoiled
from echelon_pipeline_tests.unit.test_decimal_spellings import MEMBERS, TOKENS

# Odd members keep their id unless the id itself is odd: the hash of its payload identifies a row.
KINDS: dict[str, tuple[PayloadKind, dict[str, Any], str | None]] = {
    name: found for name, found in MEMBERS.items() if name not in ("kalshi candle", "polymarket point")
}


def odd_members(member: Mapping[str, Any]) -> dict[str, bytes]:
    return {**dict(spoiled(member)), **HOSTILE}


@pytest.mark.parametrize("name", KINDS)
def test_every_member_is_a_row_or_a_dead_letter_and_the_good_one_lands(name: str) -> None:
    kind, member, context = KINDS[name]
    changed: dict[str, Any] = {
        key: f"{member[key]}9"
        for key in ("trade_id", "ticker", "conditionId", "id", "transaction_hash")
        if key in member
    }
    good = dumped({**member, **changed})
    payloads = [*odd_members(member).values(), good]
    with connect() as connection:
        connection.register("raw_objects", raw_table(kind, payloads, context))
        connection.register("known_outcomes", known_outcomes(TOKENS))
        derived = derive(connection, kind, unit_id="unit")
        judged = connection.execute(f"SELECT position, reject_reason FROM {kind.venue}_{kind.endpoint}_all").fetchall()
        assert sorted(position for position, _ in judged) == list(range(len(payloads)))
        assert (len(payloads) - 1, None) in judged
        letters = connection.execute(f"SELECT payload, reason FROM {derived.dead_letters}").fetchall()
        assert len(letters) == sum(reason is not None for _, reason in judged)
        assert all(reason for _, reason in letters)
        landed = []
        for table, relation in derived.outputs.items():
            check_rules(connection, TABLES[table], relation)
            if "raw_sha256" in TABLES[table].names:
                landed += connection.execute(f"SELECT raw_sha256 FROM {relation}").fetchall()
        assert (hashlib.sha256(good).hexdigest(),) in landed


@pytest.mark.parametrize("name", ["kalshi market", "polymarket market", "kalshi trade"])
def test_what_scans_look_at_is_read_from_any_member(name: str) -> None:
    """Volumes that no comparison takes (NaN) and times of no calendar are not said; nothing raises."""
    _, member, _ = MEMBERS[name]
    objects = [RawObject(payload) for payload in odd_members({**member, "volumeNum": 1, "volume24hr": 2}).values()]
    if name == "kalshi trade":
        page = Page("trades", "/test", 0, RECEIVED, tuple(objects))
        assert all(moment.year < 10_000 for moment in KalshiTrades(None, None).times(page))  # type: ignore[arg-type]
        return
    rank = kalshi_rank if name == "kalshi market" else polymarket_rank
    ranked = [rank(seen) for seen in objects]
    assert all(r.volume.is_finite() and r.volume_24h.is_finite() for r in ranked)
    assert len(sorted((r.volume_24h, r.volume) for r in ranked)) == len(objects)
    keys = [key_of(seen.payload, "conditionId") for seen in objects]
    assert all(key is None or "\ufffd" not in key for key in keys)


def test_a_market_with_an_odd_title_keeps_its_rank() -> None:
    odd = dumped({"ticker": "M", "volume_fp": "9", "volume_24h_fp": "7", "title": "x"}).replace(b'"x"', rb'"\ud83d"')
    assert kalshi_rank(RawObject(odd)) == kalshi_rank(RawObject(odd.replace(rb"\ud83d", b"y")))
    assert kalshi_rank(RawObject(odd)).volume_24h == 7


def test_markets_are_cut_out_of_events_however_odd_the_events_are() -> None:
    market = dumped({"conditionId": "0xc"})
    events = [b'{"id": "1", "series": ' + value + b', "markets": [' + market + b"]}" for value in HOSTILE.values()]
    page = Page("events", "/test", 0, RECEIVED, tuple(RawObject(e) for e in [*events, *HOSTILE.values()]))
    found = nested_markets(page).objects
    assert [o.key for o in found] == ["0xc"] * len(events)
