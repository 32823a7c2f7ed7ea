"""Compiled rules with full output arrays: many instruments that come and go; earlier output stays unchanged.

Belongs here: long generated streams through both ways, a few seeds of each. ``test_replayer.py`` tests single rules.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from echelon_pipeline.books.arrow import Batches
from echelon_pipeline.books.book import Instrument
from echelon_pipeline.books.events import Facts
from echelon_pipeline.books.fast import kernel
from echelon_pipeline.streams.replayer import ByMachine, Replayer, replayer
from echelon_pipeline.streams.segments import batch_of
from echelon_pipeline_tests.book_streams import MS, START
from echelon_pipeline_tests.replays import SECOND, in_order

pytestmark = pytest.mark.xdist_group("compiled")

COUNTS = (0, 1, 3, 24, 25, 26, 40)  # of levels, around the 25 that a row shows
FACTS = (Facts(), Facts("0xm", "5", "0.01", neg_risk=False))


class Kalshi:
    """Frames of two subscriptions with occasional holes in their numbers."""

    def __init__(self, rng: Random) -> None:
        self.rng, self.seqs = rng, {1: 0, 3: 0}

    def instrument(self, n: int, closes: int | None) -> Instrument:
        return Instrument(f"kalshi:T{n}", (f"T{n}",), closes)

    def frame(self, some: list[Instrument]) -> dict[str, Any]:
        rng, ticker = self.rng, self.rng.choice(some).tokens[0]
        kind = rng.choices(("book", "delta", "trade", "over", "lost", "new", "odd"), (25, 65, 4, 3, 1, 1, 1))[0]
        named: dict[str, Any] = {"market_ticker": ticker}
        if kind == "trade":
            return {"type": "trade", "sid": 2, "msg": named | {"yes_price_dollars": "0.4200", "count_fp": "1.00"}}
        if kind == "over":
            return {"type": "market_lifecycle_v2", "sid": 4, "msg": named | {"event_type": "settled"}}
        if kind == "lost":
            return {"type": "error", "sid": 1, "msg": {"code": 25, "msg": "over"}}
        if kind == "new":
            return {"type": "subscribed", "id": 1, "msg": {"channel": "x", "sid": rng.randint(1, 3)}}
        sid = rng.choice((1, 1, 1, 3))
        self.seqs[sid] += 1 + (rng.random() < 0.005)
        if kind == "book":
            told: dict[str, Any] = {"yes_dollars_fp": self._side(), "no_dollars_fp": self._side()}
        else:
            price = {"price_dollars": f"0.{rng.randint(1, 60):02d}00", "side": rng.choice(("yes", "no"))}
            told = price | {"delta_fp": rng.choice(("1.00", "2.00", "-1.00"))} if kind == "delta" else {}
        at = {"ts_ms": rng.randint(1, 9)} if rng.random() < 0.7 else {}
        name = "orderbook_snapshot" if kind == "book" else "orderbook_delta"
        return {"type": name, "sid": sid, "seq": self.seqs[sid], "msg": named | told | at}

    def _side(self) -> list[list[str]]:
        cents = sorted(self.rng.sample(range(1, 49), self.rng.choice(COUNTS)))
        return [[f"0.{p:02d}00", f"{self.rng.randint(1, 9)}.00"] for p in cents]


class Polymarket:
    """Frames of one or two tokens per instrument, some with hundreds of events; no hash is right."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def instrument(self, n: int, closes: int | None) -> Instrument:
        tokens = tuple(f"{n}-{outcome}" for outcome in range(1 + (n % 4 > 0)))
        return Instrument(f"polymarket:{n}", tokens, closes, FACTS[n % 2])

    def frame(self, some: list[Instrument]) -> Any:
        tokens = [token for one in self.rng.sample(some, min(3, len(some))) for token in one.tokens] + ["strange"]
        if self.rng.random() < 0.7:
            return self._one(tokens)
        return [self._one(tokens) for _ in range(self.rng.choice((0, 1, 2, 5)))]

    def _one(self, tokens: list[str]) -> dict[str, Any]:
        rng, token = self.rng, self.rng.choice(tokens)
        kind = rng.choices(("book", "change", "trade", "tick", "over", "best"), (30, 55, 6, 3, 2, 4))[0]
        named: dict[str, Any] = {"asset_id": token, "market": "0xm", "timestamp": str(rng.randint(1, 9))}
        if kind == "book":
            told = {"bids": self._side(1), "asks": self._side(50), "hash": f"{rng.getrandbits(160):040x}"}
            facts = {"min_order_size": "5", "tick_size": "0.01", "neg_risk": False, "last_trade_price": "0.4"}
            return {"event_type": "book", **named, **told} | (facts if rng.random() < 0.5 else {})
        if kind == "change":
            changes = [self._change(rng.choice(tokens)) for _ in range(rng.choice((1, 2, 2, 2, 300)))]
            return {"event_type": "price_change", "price_changes": changes, **named}
        if kind == "trade":
            return {"event_type": "last_trade_price", "price": "0.4", "size": "3", "side": "BUY", **named}
        if kind == "tick":
            return {"event_type": "tick_size_change", "new_tick_size": "0.001", **named}
        if kind == "over":
            return {"event_type": "market_resolved", "assets_ids": [token], **named}
        return {"event_type": "best_bid_ask", "best_bid": "0.4", "best_ask": "", **named}

    def _change(self, token: str) -> dict[str, str]:
        told = {"price": f"0.{self.rng.randint(1, 99):02d}", "size": str(self.rng.randint(0, 3))}
        digest = f"{self.rng.getrandbits(160):040x}"
        return {"asset_id": token, **told, "side": self.rng.choice(("BUY", "SELL")), "hash": digest}

    def _side(self, low: int) -> list[dict[str, str]]:
        cents = self.rng.sample(range(low, low + 45), self.rng.choice(COUNTS))
        return [{"price": f"0.{p:02d}", "size": str(self.rng.randint(1, 9))} for p in cents]


Act = tuple[str, tuple[Any, ...]]  # a method of a replayer and what it is given


def acts(venue: Kalshi | Polymarket, rng: Random, count: int, steps: int) -> list[Act]:
    """Calls to a replayer, in order."""
    known = [venue.instrument(n, rng.choice((None, START + rng.randint(0, 10**8)))) for n in range(count)]
    watched = {one.instrument_id for one in known}
    now, connection, number = START, 0, 0
    found: list[Act] = [("watch", (one, START)) for one in known]
    for _ in range(steps):
        what = rng.choices(("turn", "wait", "cut", "dial", "hole", "take", "more"), (12, 5, 3, 4, 1, 30, 45))[0]
        if what == "turn":
            for one in rng.sample(known, min(count, rng.choice((1, 5, 50)))):
                name = one.instrument_id
                found += [("hashes", (name,)), ("unwatch", (name, now))] if name in watched else [("watch", (one, now))]
                watched ^= {name}
        elif what == "wait":
            now += rng.choice((1, 100 * MS, 31 * SECOND))
            found.append(("advance", (now,)))
        elif what == "cut":
            found.append(("disconnected", (now,)))
        elif what == "dial":
            connection, number = connection + 1, 0
        elif what == "hole":
            number += 2
        elif what == "take":
            found.append(("take", ()))
        some, times, payloads = rng.sample(known, min(count, rng.choice((1, 3, 30, 3_000)))), list[int](), list[bytes]()
        for _ in range(rng.choice((0, 1, 2, 5, 20, 50))):
            now += rng.choice((0, MS, 20 * MS, 60 * MS, -MS))
            times.append(now)
            payloads.append(json.dumps(venue.frame(some), separators=rng.choice(((",", ":"), None))).encode())
        twice = batch_of(times * 2, payloads * 2)  # a slice has its frames somewhere in a larger memory
        fed = rng.choice((twice.slice(0, len(times)), twice.slice(len(times))))
        found.append(("feed", (str(connection), number, fed)))
        number += len(times)
    return [*found, ("finish", (now + SECOND,))]


def told(replay: Replayer, done: list[Act]) -> list[Any]:
    """The output of the calls. Batches are read at the end only, to show that later calls do not overwrite them."""
    results = []
    for name, given in done:
        found = getattr(replay, name)(*given)
        results.append((found, replay.side_events.tolist(), replay.now) if name == "feed" else found)
    looked_at = [in_order(one) if isinstance(one, Batches) else one for one in results]
    return [*looked_at, replay.counts, replay.event_counts]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("count", "steps"), [(3, 40), (40, 25), (3_000, 10)])
@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_compiled_rules_and_machine_agree_with_any_size_of_the_output_arrays(
    venue: str, count: int, steps: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "MIN_ROWS", 8)
    rng = Random(seed)
    done = acts(Kalshi(rng) if venue == "kalshi" else Polymarket(rng), rng, count, steps)
    compiled = replayer(venue, [])
    assert isinstance(compiled, kernel.Kernel)
    found, expected = told(compiled, done), told(ByMachine(venue), done)
    for one, other in zip(found, expected, strict=True):
        assert one == other
