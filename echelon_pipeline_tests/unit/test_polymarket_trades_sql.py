"""The trades statements against a row-by-row oracle in plain Python over Decimal."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.venues.page import Page
from echelon_pipeline.venues.polymarket.parse import KINDS
from echelon_pipeline_tests.fakes import Outcome
from echelon_pipeline_tests.polymarket_payloads import dec, page, parse_pages

# Two outcomes; three outcomes; a token that two instruments claim.
OUTCOMES: list[Outcome] = [
    ("11", "polymarket:binary", 0),
    ("12", "polymarket:binary", 1),
    ("31", "polymarket:triple", 0),
    ("32", "polymarket:triple", 1),
    ("33", "polymarket:triple", 2),
    ("51", "polymarket:one", 0),
    ("51", "polymarket:two", 0),
]
PLACE = {"11": ("polymarket:binary", 0), "12": ("polymarket:binary", 1)} | {
    f"3{n + 1}": ("polymarket:triple", n) for n in range(3)
}
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
V1 = {
    "transaction_hash": "transactionHash",
    "token_id": "asset",
    "condition_id": "conditionId",
    "proxy_wallet": "proxyWallet",
}


class Digits(str):
    """A JSON number as served."""

    __slots__ = ()


def text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def number(value: str | None, digits: int) -> Decimal | None:
    if value is None or not NUMBER.fullmatch(value) or Decimal(value).adjusted() > 40:
        return None
    return dec(value, digits)


def seconds(value: str | None) -> int | None:
    if value is None or not re.fullmatch(r"[0-9]+", value):
        return None
    return int(value) if 1 <= int(value) <= 253402300799 else None


def one(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any] | None:
    """A row as stored, without its ordinal; None where it is a dead letter."""
    said = {k: text(row.get(names.get(k, k))) or None for k in (*V1, "side", "price", "size", "timestamp")}
    when, price, size = seconds(said["timestamp"]), number(said["price"], 12), number(said["size"], 6)
    if not (said["transaction_hash"] and said["token_id"] and said["condition_id"]) or when is None:
        return None
    if price is None or not 0 <= price <= 1 or size is None or not 0 < size < 10**12:
        return None
    instrument, index = PLACE.get(said["token_id"], (f"polymarket:{said['condition_id']}", None))
    binary = instrument == "polymarket:binary"
    side = said["side"]
    buys = {"BUY": True, "SELL": False}.get((side or "").upper())
    return {
        "transaction_hash": said["transaction_hash"].lower(),
        "token_id": said["token_id"],
        "trader": said["proxy_wallet"].lower() if said["proxy_wallet"] else None,
        "taker_side": side.lower() if side else None,
        "price_text": said["price"],
        "size_text": said["size"],
        "side_text": side,
        "instrument_id": instrument,
        "outcome_index": index,
        "seconds": when,
        "price": price,
        "price_0": None if not binary else price if index == 0 else 1 - price,
        "size": size,
        "taker_notional_usd": dec(price * size, 6),
        "taker_direction": None if not binary or buys is None else 1 if buys == (index == 0) else -1,
    }


IDENTITY = ("transaction_hash", "token_id", "trader", "side_text", "price_text", "size_text")


def oracle(pages: Sequence[Page], names: dict[str, str]) -> tuple[Counter[tuple[Any, ...]], int]:
    """Rows (as a counter of tuples) and the number of dead letters."""
    walk_of: dict[str, int] = {}
    ordinals: Counter[tuple[Any, ...]] = Counter()
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    dead = 0
    for read in sorted(pages, key=lambda p: p.number):
        path, _, query = read.request.partition("?")
        asked = [q for q in query.split("&") if q]
        base = path + "&".join(q for q in asked if not q.startswith("cursor="))
        # A page without objects leaves nothing in raw, so it cannot begin a walk there.
        if read.objects and not any(q.startswith("cursor=") for q in asked):
            walk_of[base] = read.number
        for found in read.objects:
            value = json.loads(found.payload, parse_float=Digits, parse_int=Digits)
            row = one(value, names) if isinstance(value, dict) else None
            if row is None:
                dead += 1
                continue
            identity = tuple(row[k] for k in IDENTITY)
            place = (base, walk_of.get(base), identity)
            first.setdefault((*identity, ordinals[place]), row | {"ordinal": ordinals[place]})
            ordinals[place] += 1
    return Counter(_shape(row) for row in first.values()), dead


SHOWN = (
    *("transaction_hash", "token_id", "trader", "taker_side", "price_text", "instrument_id", "outcome_index"),
    *("price", "price_0", "size", "taker_notional_usd", "taker_direction", "ordinal", "seconds"),
)


def _shape(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[k] for k in SHOWN)


def derived(pages: Sequence[Page], endpoint: str) -> tuple[Counter[tuple[Any, ...]], int]:
    result = parse_pages(KINDS[endpoint], pages, OUTCOMES)
    rows = result.rows["core.trades"]
    for row in rows:
        row["seconds"] = int(row["event_at"].timestamp())
        assert row["date"] == row["event_at"].date()
        assert (row["unmapped_reason"] is None) == (row["outcome_index"] is not None)
        assert row["set_id"] != row["trade_id"]
    return Counter(_shape(row) for row in rows), len(result.dead)


shares = st.decimals(allow_nan=False, allow_infinity=False, places=14, min_value=0, max_value=1).map(str)
tiny = st.integers(1, 99999).map(lambda n: f"{n}e-9") | st.integers(1, 99).map(lambda n: f"{n / 10}E-6")
PRICES = ["0.5", "0.50", "5e-1", '"0.5"', "0", "1", "1.0", "1.0000001", "-0.1", "null", '"abc"', "true", '""', "1e400"]
SIZES = ["30", "30.0", "9e-6", "31000000", '"12.5"', "0", "-1", "null", "1e20", "5e-7", "4e-7", "999999999999.999999"]
TIMES = ["1782150250", '"1782150250"', "1782150251", "null", "1782150250000", "1.5", "-5", '"soon"']


def pick(usual: list[str], odd: list[str]) -> st.SearchStrategy[str]:
    """One in ten is odd, so that most rows of ten members are good and identical prints are common."""
    return st.integers(0, 9).flatmap(lambda n: st.sampled_from(usual if n else odd))


@st.composite
def payloads(draw: st.DrawFn, v1: bool) -> str:
    def name(key: str) -> str:
        return V1.get(key, key) if v1 else key

    members = {
        name("transaction_hash"): draw(pick(['"0xA"', '"0xb"'], ["null", '""', '"0xa"'])),
        name("token_id"): draw(pick(['"11"', '"12"', '"31"', '"33"', '"51"'], ['"99"', '""', "77"])),
        name("condition_id"): draw(pick(['"0xc"'], ['""', "null", '"0x03' + "0" * 60 + '"'])),
        name("proxy_wallet"): draw(pick(['"0xW"'], ["null", '"0xv"'])),
        "side": draw(pick(['"BUY"', '"SELL"'], ["null", '"buy"', '"HOLD"', '""'])),
        "price": draw(pick(["0.5", "0.41"], PRICES) | shares | tiny),
        "size": draw(pick(["30", "12.5"], SIZES) | tiny),
        "timestamp": draw(pick(["1782150250"], TIMES)),
        "title": json.dumps(draw(st.sampled_from(['{"price":0.9,"size":1}', ',"price": 0.9', "Œuf 🥚"]) | st.text())),
        "outcome_index": draw(st.sampled_from(["0", "1", "999"])),
    }
    order = draw(st.permutations(sorted(members)))
    gap = draw(st.sampled_from(["", " ", "\n  "]))
    return "{" + f",{gap}".join(f'{gap}"{k}"{gap}:{gap}{members[k]}' for k in order) + "}"


@st.composite
def reads(draw: st.DrawFn, v1: bool) -> list[Page]:
    """Pages of one unit: walks of two requests, cut and interleaved anywhere, rows repeated often."""
    pool = draw(st.lists(payloads(v1), min_size=1, max_size=5))
    rows = st.lists(st.sampled_from(pool), max_size=5)
    requests = ["/v2/trades?limit=9", "/v2/trades?limit=9&cursor=b", "/v2/trades?cursor=c&limit=9", "/v2/trades?user=u"]
    found = draw(st.lists(st.tuples(st.sampled_from(requests), rows), min_size=1, max_size=5))
    return [page("trades", some, request=asked, number=n) for n, (asked, some) in enumerate(found)]


@settings(max_examples=60)
@given(st.booleans().flatmap(lambda v1: st.tuples(st.just(v1), reads(v1))))
def test_trades_sql_equals_a_plain_python_oracle(drawn: tuple[bool, list[Page]]) -> None:
    v1, pages = drawn
    assert derived(pages, "trades_v1" if v1 else "trades") == oracle(pages, V1 if v1 else {})


def trade(**changed: object) -> dict[str, object]:
    return {
        "transaction_hash": "0xa",
        "token_id": "11",
        "condition_id": "0xc",
        "proxy_wallet": "0xw",
        "side": "BUY",
        "price": 0.41,
        "size": 12.5,
        "timestamp": 1782150250,
    } | changed


def ordinals(pages: Sequence[Page], units: Sequence[str] = ()) -> list[int]:
    rows = parse_pages(KINDS["trades"], pages, OUTCOMES, units).rows["core.trades"]
    assert len({r["trade_id"] for r in rows}) == len(rows)
    return sorted(r["ordinal"] for r in rows)


def test_identical_prints_of_one_page_stay_distinct() -> None:
    assert ordinals([page("trades", [trade(), trade(), trade()])]) == [0, 1, 2]


def test_identical_prints_across_a_page_boundary_of_one_walk_stay_distinct() -> None:
    first = page("trades", [trade()], request="/v2/trades?limit=1&taker_only=true")
    second = page("trades", [trade()], request="/v2/trades?limit=1&taker_only=true&cursor=abc", number=1)
    assert ordinals([first, second]) == [0, 1]


@pytest.mark.parametrize("again", ["/v2/trades?limit=1", "/v2/trades?limit=1&user=0xw"])
def test_a_row_read_by_two_walks_is_one_row(again: str) -> None:
    first = page("trades", [trade(), trade()], request="/v2/trades?limit=1")
    assert ordinals([first, page("trades", [trade()], request=again, number=1)]) == [0, 1]


def test_a_row_read_by_two_units_is_one_row() -> None:
    pages = [page("trades", [trade()]), page("trades", [trade()])]
    assert ordinals(pages, units=["a", "b"]) == [0]


def test_orientation_comes_from_our_token_map_and_never_from_the_api() -> None:
    served = [
        trade(token_id="12", outcome_index=0, transaction_hash=f"0x{n}", side=s) for n, s in enumerate(["BUY", "SELL"])
    ]
    rows = parse_pages(KINDS["trades"], [page("trades", served)], OUTCOMES).rows["core.trades"]
    assert {(r["taker_side"], r["outcome_index"], r["price_0"], r["taker_direction"]) for r in rows} == {
        ("buy", 1, Decimal("0.59"), -1),
        ("sell", 1, Decimal("0.59"), 1),
    }


def test_notional_of_31_million_shares_does_not_overflow() -> None:
    (row,) = parse_pages(KINDS["trades"], [page("trades", [trade(price=0.999, size=31_000_000)])]).rows["core.trades"]
    assert row["taker_notional_usd"] == Decimal(30969000)
    assert row["unmapped_reason"] == "token is in no known instrument"


def test_the_source_names_the_filters_that_were_asked_for() -> None:
    asked = page("trades", [trade()], request="/v2/trades?taker_only=true&filter_amount=0&limit=1000")
    (row,) = parse_pages(KINDS["trades"], [asked]).rows["core.trades"]
    assert row["source"] == "data_v2/trades?taker_only=true&filter_amount=0"
