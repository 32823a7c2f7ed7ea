"""Plain and almost plain frames: compiled readers give the columns of the venue's reader.

Belongs here: cases that reading in blocks could get wrong, as examples and in large numbers from a seed.
``test_replayer.py`` tests the rules.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline.books.columns import SPARE, Columns, Texts
from echelon_pipeline.books.events import Message
from echelon_pipeline.streams.segments import batch_of
from echelon_pipeline.venues.kalshi.fast import columns as kalshi
from echelon_pipeline.venues.kalshi.stream import read as read_kalshi
from echelon_pipeline.venues.polymarket.fast import columns as polymarket
from echelon_pipeline.venues.polymarket.stream import read as read_polymarket
from echelon_pipeline_tests.replays import agree, said
from echelon_pipeline_tests.unit.test_frame_fuzz import damaged

# One worker: machine code is made once for all of them.
pytestmark = pytest.mark.xdist_group("compiled")

TOKENS = [f"{n}{'7' * 74}" for n in (1, 2)]
LONG = "x" * 150
CHANGE = {
    "asset_id": TOKENS[0],
    "price": "0.523",
    "size": "3502",
    "hash": f"{0xABC123:040x}",
    "best_bid": "0.5",
    "best_ask": "",
}
HEAD = {"market": f"0x{7:064x}", "timestamp": "1763640000798"}
LEVELS = [{"price": f"0.{n}", "size": f"{n}.{n}"} for n in range(10, 60)]
POLYMARKET: list[Any] = [
    {**HEAD, "price_changes": [{**CHANGE, "side": "BUY"}, {**CHANGE, "side": "SELL"}], "event_type": "price_change"},
    {**HEAD, "event_type": "book", "asset_id": TOKENS[1], "bids": LEVELS[:9], "asks": LEVELS[9:], "hash": "0" * 40},
    [{**HEAD, "event_type": "best_bid_ask", "asset_id": "9", "best_bid": "0.1", "best_ask": "", "by": LONG}],
    {**HEAD, "event_type": "last_trade_price", "asset_id": "9", "price": "0.1", "size": "2.5", "side": "BUY"},
]
DELTA = {"market_ticker": "KXDERIVE-26NOV20-T1", "price_dollars": "0.4200", "delta_fp": "-13.00", "side": "no"}
PAIRS = [[f"0.{n}00", f"{n}.00"] for n in range(10, 60)]
KALSHI: list[Any] = [
    {"type": "orderbook_delta", "sid": 1, "seq": 123456789, "msg": {**DELTA, "ts_ms": 1763640000798, "id": LONG}},
    {"type": "orderbook_snapshot", "sid": 1, "seq": 2, "msg": {"market_ticker": "K", "no_dollars_fp": PAIRS}},
    {"type": "trade", "sid": 2, "msg": {"market_ticker": "K", "yes_price_dollars": "0.42", "count_fp": "7", "ts": 1}},
    {
        "type": "trade",
        "msg": {"market_ticker": "K", "yes_price_dollars": "0.4", "count_fp": "7", "taker_book_side": "x"},
    },
    {"type": "ticker", "msg": {"market_ticker": "K", "yes_bid_dollars": "0.1", "yes_ask_dollars": "", "ts_ms": 8}},
]
VENUES = [
    pytest.param(polymarket, read_polymarket, POLYMARKET, id="polymarket"),
    pytest.param(kalshi, read_kalshi, KALSHI, id="kalshi"),
]
KNOWN = ["K", "9", *TOKENS, "KXDERIVE-26NOV20-T1"]

Decode = Callable[[pa.RecordBatch, Texts], Columns]
Read = Callable[[bytes], Message]


def written(chance: random.Random, value: Any) -> str:
    """A value as JSON: reordered members, spaces, a repeated name, an additional name, odd characters in texts."""
    odd = chance.random() < 0.02
    gap = " " * chance.choice([0, 0, 0, 0, 0, 0, 0, 1, 5, 70])
    if isinstance(value, dict):
        members = list(value.items())
        if chance.random() < 0.3:
            chance.shuffle(members)
        if odd:
            members.insert(chance.randrange(len(members) + 1), chance.choice(members))
        if chance.random() < 0.1:
            more = ["", "x", True, 12, -3, 1.5, None, [], {"a": 1}, "}]{[,:" * chance.randrange(30), "y" * 64]
            members.append((chance.choice(["pric", "prices", "sizf", "market_tickes", "", LONG]), chance.choice(more)))
        texts = [(k, json.dumps(v) if k == "market" else written(chance, v)) for k, v in members]  # a book's is learned
        return "{{{}}}".format(",".join(f"{gap}{json.dumps(k)}{gap}:{gap}{text}" for k, text in texts))
    if isinstance(value, list):
        return "[{}]".format(",".join(f"{written(chance, one)}{gap}" for one in value))
    if odd and isinstance(value, str):
        value = chance.choice(
            ["", "-1", "0", "1", "00.10", "1.", ".5", ".", "-.5", "0.0000001", value + "0" * 60, [value], 7, "é"]
        )
    return json.dumps(value)


def frames(chance: random.Random, made: Sequence[Any], count: int) -> list[bytes]:
    """A third in the venue's format, a third in another format, a third damaged."""
    found = []
    for n in range(count):
        value = chance.choice(made)
        text = json.dumps(value, separators=(",", ":")) if n % 3 == 0 else written(chance, value)
        found.append(damaged(chance, text.encode()) if n % 3 == 2 else text.encode() + b"\n" * (n % 5 == 0))
    return found


@pytest.mark.parametrize(("decode", "read", "made"), VENUES)
def test_thousands_of_almost_plain_frames_are_the_same_columns(decode: Decode, read: Read, made: Sequence[Any]) -> None:
    assert 1_000 < agree(decode, read, KNOWN, frames(random.Random(1), made, 4_000)) < 3_000


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("decode", "read", "made"), VENUES)
def test_many_more_almost_plain_frames_are_the_same_columns(decode: Decode, read: Read, made: Sequence[Any]) -> None:
    for seed in range(100):
        agree(decode, read, KNOWN, frames(random.Random(seed), made, 4_000))


@pytest.mark.parametrize(("decode", "read", "made"), VENUES)
def test_bytes_after_a_frame_are_never_read_as_part_of_it(decode: Decode, read: Read, made: Sequence[Any]) -> None:
    """A frame that is cut at any place, before a frame that would complete it."""
    whole = json.dumps(made[0], separators=(",", ":")).encode()
    cuts = [part for end in range(1, len(whole)) for part in (whole[:end], whole[end:])]
    assert agree(decode, read, KNOWN, [*cuts, whole]) == 1


@pytest.mark.parametrize(("decode", "read", "made"), VENUES)
def test_every_length_is_read_up_to_its_end(decode: Decode, read: Read, made: Sequence[Any]) -> None:
    texts = [json.dumps({"x": "y" * n, **made[-1]}) for n in range(200)]
    assert agree(decode, read, KNOWN, [text.encode() for text in texts]) == len(texts)


@pytest.mark.parametrize(
    ("decode", "read", "payload"),
    [
        (kalshi, read_kalshi, json.dumps({**KALSHI[0], "msg": {**DELTA, "yes_dollars_fp": "HERE"}})),
        (kalshi, read_kalshi, json.dumps({**KALSHI[2], "msg": {**KALSHI[2]["msg"], "no_dollars_fp": "HERE"}})),
        (polymarket, read_polymarket, json.dumps({**POLYMARKET[0], "bids": "HERE"})),
        (polymarket, read_polymarket, json.dumps({**POLYMARKET[1], "price_changes": "HERE"})),
        (polymarket, read_polymarket, json.dumps({**POLYMARKET[3], "asks": "HERE"})),
    ],
)
@pytest.mark.parametrize("nested", ["[,]", "[nil]", "[}", '["\\u0041"]', "[1]"])
def test_ignored_brackets_are_checked_too(decode: Decode, read: Read, payload: str, nested: str) -> None:
    """If their content is not JSON, the frame is not JSON."""
    agree(decode, read, KNOWN, [payload.replace('"HERE"', nested).encode()])


def test_a_repeated_member_makes_a_frame_not_plain() -> None:
    for at, one in enumerate(DELTA):
        members = [f'"{name}":{json.dumps(value)}' for name, value in DELTA.items()]
        members.insert((at + 2) % 5, f'"{one}":{json.dumps(DELTA[one])}')
        frame = '{{"type":"orderbook_delta","sid":1,"seq":1,"msg":{{{}}}}}'.format(",".join(members))
        assert agree(kalshi, read_kalshi, KNOWN, [frame.encode()]) == 0


def test_brackets_end_at_their_own_closing_bracket() -> None:
    """Brackets in texts do not count, and a message need not come last."""
    delta, change = KALSHI[0], POLYMARKET[0]
    for text in ("]", "}", "]}", "}]", '"}]}'[1:], "[{"):
        hidden = [{**change["price_changes"][0], "by": text}, {**change["price_changes"][1], "asset_id": text}]
        frames = [{**change, "price_changes": hidden}, {**change, "market": text}]
        agree(polymarket, read_polymarket, [*KNOWN, text], [json.dumps(one).encode() for one in frames])
        told = {**DELTA, "by": text, "market_ticker": text}
        frames = [{**delta, "msg": told}, {"msg": told, **{k: delta[k] for k in ("type", "sid", "seq")}}]
        frames += [{**one, "by": text} for one in frames]
        assert agree(kalshi, read_kalshi, KNOWN, [json.dumps(one).encode() for one in frames]) == 4
    for broken in ('{"type":"trade","msg":{}', '{"type":"trade","msg":{}}}', '{"type":"trade","msg":{"a":1,"sid":2}'):
        assert agree(kalshi, read_kalshi, KNOWN, [broken.encode()]) == 0


@pytest.mark.parametrize(("decode", "read", "made"), VENUES)
def test_a_comma_before_a_closing_bracket_is_not_json(decode: Decode, read: Read, made: Sequence[Any]) -> None:
    for one in made:
        text = json.dumps(one)
        ends = [at for at, c in enumerate(text) if c in "]}"]
        broken = [f"{text[:at]}{comma}{text[at:]}".encode() for at in ends for comma in (",", " , ", ",,")]
        assert agree(decode, read, KNOWN, broken) == 0


def test_columns_reuse_the_buffers_of_the_previous_batch() -> None:
    texts = Texts(KNOWN)
    large, small = (batch_of([1] * n, [json.dumps(POLYMARKET[0]).encode()] * n) for n in (50, 2))
    rooms = [polymarket(batch, texts).events.base for batch in (large, small, large)]
    assert rooms[0] is rooms[1] is rooms[2]
    assert polymarket(small, Texts(KNOWN)).events.base is not rooms[0]


def test_any_number_of_events_from_readers_fits() -> None:
    """After the plain events, or in a new buffer if a short frame names many tokens."""
    tokens = [f"{n}" for n in range(30)]
    ended = json.dumps({"event_type": "market_resolved", "timestamp": "1", "assets_ids": tokens}).encode()
    book = json.dumps({**POLYMARKET[1], "asset_id": "\u00e9"}).encode()
    payloads = [json.dumps(one).encode() for one in POLYMARKET]
    for made in ([ended], [ended] * 50, [book, *payloads, book], [*payloads, ended, book, *payloads]):
        plain = sum(one in payloads for one in made)
        assert agree(polymarket, read_polymarket, KNOWN, made) == plain


def test_a_slice_of_a_batch_is_read_like_a_batch_of_its_own() -> None:
    payloads = [json.dumps(one).encode() for one in POLYMARKET * 3]
    batch, texts = batch_of(list(range(len(payloads))), payloads), Texts(TOKENS)
    for at in range(len(payloads)):
        alone = said(polymarket(batch_of([at], [payloads[at]]), texts))
        assert said(polymarket(batch.slice(at, 1), texts)) == alone
    assert len(polymarket(batch.slice(0, 0), texts).frames) == 0


DECIMALS = st.one_of(
    st.from_regex(r"-?[0-9]{0,14}(\.[0-9]{0,9})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,12}\.[0-9]{0,6}0{0,70}", fullmatch=True),
    st.from_regex(r"-?0?\.?[0-9]{0,7}", fullmatch=True),
    st.from_regex(r"[-+.0-9eE ]{0,20}", fullmatch=True),
    st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=20),
)
HASHES = st.one_of(
    st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{0,39}[^\x00-\x1f\x7f-\U0010ffff\"\\][0-9a-f]{0,39}", fullmatch=True),
)
MILLISECONDS = st.one_of(st.integers(0, 10**17).map(str), DECIMALS)


@settings(max_examples=50)
@given(st.lists(st.tuples(DECIMALS, DECIMALS, HASHES, MILLISECONDS), min_size=1, max_size=8))
def test_every_text_has_the_value_of_the_reader(said: list[tuple[str, str, str, str]]) -> None:
    told = [{**CHANGE, "side": "BUY", "price": p, "size": s, "hash": h} for p, s, h, _ in said]
    told += [{**CHANGE, "side": "BUY", "best_bid": p, "best_ask": s} for p, s, *_ in said]
    changes = [
        {"event_type": "price_change", "timestamp": at, "price_changes": [one]}
        for one, (*_, at) in zip(told, [*said, *said], strict=True)
    ]
    agree(polymarket, read_polymarket, TOKENS, [json.dumps(one).encode() for one in changes])
    deltas = [{**DELTA, "price_dollars": p, "delta_fp": s} for p, s, *_ in said]
    sides = [{"market_ticker": "K", "yes_dollars_fp": [[p, s]]} for p, s, *_ in said]
    frames = [{**KALSHI[0], "msg": one} for one in deltas] + [{**KALSHI[1], "msg": one} for one in sides]
    agree(kalshi, read_kalshi, KNOWN, [json.dumps(one).encode() for one in frames])


LEGAL = [".48", "0.48", "0.480000000", "00.48", ".480000"]


@pytest.mark.parametrize(
    ("decode", "read", "frame"),
    [
        (polymarket, read_polymarket, {**POLYMARKET[0], "price_changes": [{**CHANGE, "side": "BUY", "price": "HERE"}]}),
        (polymarket, read_polymarket, {**POLYMARKET[0], "price_changes": [{**CHANGE, "side": "BUY", "size": "HERE"}]}),
        (
            polymarket,
            read_polymarket,
            {**POLYMARKET[0], "price_changes": [{**CHANGE, "side": "BUY", "best_bid": "HERE"}]},
        ),
        (polymarket, read_polymarket, {**POLYMARKET[1], "bids": [{"price": "HERE", "size": "HERE"}], "asks": []}),
        (polymarket, read_polymarket, {**POLYMARKET[3], "price": "HERE", "size": "HERE"}),
        (kalshi, read_kalshi, {**KALSHI[0], "msg": {**DELTA, "price_dollars": "HERE", "delta_fp": "HERE"}}),
        (kalshi, read_kalshi, {**KALSHI[1], "msg": {"market_ticker": "K", "yes_dollars_fp": [["HERE", "HERE"]]}}),
        (
            kalshi,
            read_kalshi,
            {**KALSHI[2], "msg": {**KALSHI[2]["msg"], "yes_price_dollars": "HERE", "count_fp": "HERE"}},
        ),
        (kalshi, read_kalshi, {**KALSHI[3], "msg": {**KALSHI[3]["msg"], "yes_bid_dollars": "HERE"}}),
    ],
)
def test_every_legal_spelling_of_a_decimal_is_plain_and_the_same_number(decode: Decode, read: Read, frame: Any) -> None:
    """Also without a digit before or after the point, as venues write them."""
    payloads = [json.dumps(frame).replace("HERE", text).encode() for text in LEGAL]
    events = [read(payload).events for payload in payloads]
    assert all(one == events[1] for one in events)
    assert agree(decode, read, KNOWN, payloads) == len(LEGAL)
    sizes = [json.dumps(frame).replace('size": "HERE', f'size": "{text}').encode() for text in ("3.", "3", "3.00")]
    assert agree(decode, read, KNOWN, sizes) in (0, len(sizes))


@given(st.lists(st.from_regex(r"[ab]{1,2}(xyz){0,9}[ab]{0,2}(uvw){0,9}[ab]{0,2}", fullmatch=True), min_size=1))
def test_texts_that_differ_anywhere_have_different_numbers(names: list[str]) -> None:
    texts = Texts(names[: len(names) // 2])
    payloads = [json.dumps({**KALSHI[0], "msg": {**DELTA, "market_ticker": name}}).encode() for name in names]
    found = kalshi(batch_of(list(range(len(names))), payloads), texts)
    assert found.events["token"].tolist() == [texts.known(name) for name in names]


def test_texts_are_found_up_to_the_end_of_their_pool() -> None:
    """Comparing in blocks reads no byte after the pool."""
    texts = Texts()
    for n in range(3_000):
        texts.number(f"{n}")
        assert texts.ends[n + 1] + SPARE <= len(texts.pool)
    payloads = [json.dumps({**KALSHI[0], "msg": {**DELTA, "market_ticker": f"{n}"}}).encode() for n in range(3_000)]
    assert np.array_equal(kalshi(batch_of(list(range(3_000)), payloads), texts).events["token"], np.arange(3_000))
