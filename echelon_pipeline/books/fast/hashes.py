"""Compares Polymarket ladders with the venue's hashes: ``books/hashes.py`` and ``books/verify.py`` compiled.

Belongs here: expected hashes, comparisons, rechecks. A miss keeps no text: only the SHA-1 state before the last trade's
price, and the bytes of the block that was not full.
"""

from __future__ import annotations

from typing import Any

from echelon_pipeline.books.columns import MATCHABLE, NONE
from echelon_pipeline.books.fast import compiled, inside, sha1
from echelon_pipeline.books.fast.arrays import AT_CHECKS, BY_PRICE, KernelOutput, KernelState
from echelon_pipeline.books.verify import MISSES_OF_WRONG_FACTS
from echelon_pipeline.domain.scaled import ONE

SCRATCH = 1 << 13
FULL = SCRATCH - 256  # a single piece is at most a quarter of the rest
MARKET, ASSET, TIMESTAMP = b'{"market":', b',"asset_id":', b',"timestamp":"'
BIDS, ASKS, MIN_ORDER_SIZE, TICK = b'","hash":"","bids":[', b'],"asks":[', b'],"min_order_size":', b',"tick_size":'
RISK, SAFE, LAST = b',"neg_risk":true', b',"neg_risk":false', b',"last_trade_price":'
PRICE, SIZE, NEXT, CLOSE = b'{"price":"', b'","size":"', b'"},', b'"}'


@compiled
def _put(m: KernelState, end: int, piece: bytes) -> int:
    for n in range(len(piece)):
        m.scratch[end + n] = piece[n]
    return end + len(piece)


@compiled
def _put_text(m: KernelState, end: int, number: int) -> int:
    for n in range(m.text_ends[number], m.text_ends[number + 1]):
        if end >= FULL:
            end = sha1.drain(m.state, m.scratch, end, m.words)
        m.scratch[end] = m.texts[n]
        end += 1
    return end


@compiled
def _put_whole(m: KernelState, end: int, number: int) -> int:
    digits, rest = 1, number
    while rest >= 10:
        rest //= 10
        digits += 1
    for n in range(digits):
        m.scratch[end + digits - 1 - n] = 48 + number % 10
        number //= 10
    return end + digits


@compiled
def _put_decimal(m: KernelState, end: int, number: int, min_decimals: int) -> int:
    """Writes a decimal with as few decimals as possible, at least ``min_decimals``."""
    end = _put_whole(m, end, number // ONE)
    part, decimals = number % ONE, 6
    while decimals > min_decimals and part % 10 == 0:
        part //= 10
        decimals -= 1
    if decimals == 0:
        return end
    m.scratch[end] = 46
    for n in range(decimals):
        m.scratch[end + decimals - n] = 48 + part % 10
        part //= 10
    return end + decimals + 1


@compiled
def _put_levels(m: KernelState, end: int, side: int, outcome: int, rising: bool) -> int:
    s = m.sides[side]
    for n in range(s.count):
        if end >= FULL:
            end = sha1.drain(m.state, m.scratch, end, m.words)
        level = m.pool[s.start + (n if rising else s.count - 1 - n)]
        price = ONE - level.price if outcome else level.price
        end = _put(m, end, PRICE)
        end = _put_decimal(m, end, price, 0)
        end = _put(m, end, SIZE)
        end = _put_decimal(m, end, level.size, 0)
        end = _put(m, end, NEXT if n + 1 < s.count else CLOSE)
    return end


@compiled
def _begin(m: KernelState, book: int, outcome: int) -> int:
    """Hashes everything before the last trade's price; returns how many bytes are left in ``scratch``."""
    b, ladder = m.books[book], 2 * book + outcome
    sha1.begin(m.state)
    end = _put_text(m, _put(m, 0, MARKET), b.market)
    end = _put_text(m, _put(m, end, ASSET), m.ladders[ladder].token)
    end = _put_whole(m, _put(m, end, TIMESTAMP), m.ladders[ladder].claim_at)
    # Best last on both sides, as served. The other outcome's ladder is stored mirrored: mirror it back.
    end = _put_levels(m, _put(m, end, BIDS), 2 * ladder + outcome, outcome, outcome == 0)
    end = _put_levels(m, _put(m, end, ASKS), 2 * ladder + 1 - outcome, outcome, outcome != 0)
    end = _put_text(m, _put(m, end, MIN_ORDER_SIZE), b.min_order_size)
    end = _put_text(m, _put(m, end, TICK), b.tick)
    end = _put(m, _put(m, end, RISK if b.neg_risk else SAFE), LAST)
    return sha1.drain(m.state, m.scratch, end, m.words)


@compiled
def _finish(m: KernelState, book: int, end: int) -> None:
    b = m.books[book]
    if b.traded >= 0:
        end = _put_text(m, end, b.traded)
    else:
        m.scratch[end] = 34
        end += 1
        if b.traded == BY_PRICE:
            end = _put_decimal(m, end, b.traded_price, 3)
        m.scratch[end] = 34
        end += 1
    m.scratch[end] = 125
    sha1.finish(m.state, m.scratch, end + 1, m.words)


@compiled
def _free_claims(m: KernelState, claim: int) -> None:
    """Returns a list of hashes to the free list."""
    while claim >= 0:
        after = m.claims[claim].after
        m.claims[claim].after = m.clock[0].first_claim
        m.clock[0].first_claim = claim
        m.clock[0].free_claims += 1
        claim = after


@compiled
def _matches_claim(m: KernelState, claim: int) -> bool:
    """Whether the computed hash is in the list."""
    while claim >= 0:
        if m.claims[claim].matchable:
            same = True
            for n in range(5):
                same = same and m.claims[claim].words[n] == m.state[n]
            if same:
                return True
        claim = m.claims[claim].after
    return False


@inside
def claim(m: KernelState, ladder: int, event: Any) -> None:
    """Remembers the hash of a frame; a later venue time replaces an earlier one, both cover the whole ladder."""
    ladder_state = m.ladders[ladder]
    if ladder_state.claim >= 0 and ladder_state.claim_at != event.at:
        _free_claims(m, ladder_state.claim)
        ladder_state.claim = -1
    new = m.clock[0].first_claim
    m.clock[0].first_claim = m.claims[new].after
    m.clock[0].free_claims -= 1
    for n in range(5):
        m.claims[new].words[n] = event.hash[n]
    m.claims[new].matchable = event.claims == MATCHABLE
    m.claims[new].after = ladder_state.claim
    ladder_state.claim, ladder_state.claim_at = new, event.at


@compiled
def clear_claims(m: KernelState, ladder: int) -> None:
    """Discards the hashes and misses of a ladder that was replaced."""
    ladder_state = m.ladders[ladder]
    _free_claims(m, ladder_state.claim)
    _free_claims(m, ladder_state.miss)
    ladder_state.claim = ladder_state.miss = -1


@compiled
def update_facts(m: KernelState, book: int, event: Any) -> None:
    """Takes over the facts of an event; -1 leaves a fact unchanged."""
    b, changed = m.books[book], False
    if event.market >= 0 and event.market != b.market:
        b.market, changed = event.market, True
    if event.min_order_size >= 0 and event.min_order_size != b.min_order_size:
        b.min_order_size, changed = event.min_order_size, True
    if event.tick >= 0 and event.tick != b.tick:
        b.tick, changed = event.tick, True
    if event.neg_risk >= 0 and event.neg_risk != b.neg_risk:
        b.neg_risk, changed = event.neg_risk, True
    if event.traded >= 0:
        b.traded = event.traded
    if changed and b.hits == 0:
        b.misses = 0  # hashes may match with the new facts


@compiled
def wrong_facts(m: KernelState, book: int) -> bool:
    return bool(m.books[book].hits == 0 and m.books[book].misses >= MISSES_OF_WRONG_FACTS)


@compiled
def write_check(m: KernelState, out: KernelOutput, book: int, at: int, number: int, matched: bool) -> None:
    check = out.checks[out.ends[AT_CHECKS]]
    out.ends[AT_CHECKS] += 1
    check.name, check.at, check.number, check.matched = m.books[book].name, at, number, matched


@inside
def check_hash(m: KernelState, out: KernelOutput, book: int, outcome: int) -> int:
    """Compares the ladder with the last hashes: 1 if they match, 0 if not, -1 if it cannot be decided."""
    b, ladder_state = m.books[book], m.ladders[2 * book + outcome]
    if ladder_state.claim < 0:
        return -1
    claimed = ladder_state.claim
    ladder_state.claim = -1
    if min(b.market, b.min_order_size, b.tick, b.neg_risk) < 0 or wrong_facts(m, book):
        b.unchecked += 1
        _free_claims(m, claimed)
        return -1
    rest = _begin(m, book, outcome)
    for n in range(len(m.state)):
        ladder_state.miss_state[n] = m.state[n]
    for n in range(rest):
        ladder_state.miss_rest[n] = m.scratch[n]
    _finish(m, book, rest)
    matched = _matches_claim(m, claimed)
    write_check(m, out, book, b.batch_last, b.batch_number, matched)
    _free_claims(m, ladder_state.miss)
    ladder_state.miss = -1
    if matched:
        b.hits += 1
        ladder_state.best_bid = ladder_state.best_ask = NONE
        _free_claims(m, claimed)
        return 1
    b.misses += 1
    ladder_state.miss, ladder_state.miss_at, ladder_state.miss_number, ladder_state.miss_size = (
        claimed,
        b.batch_last,
        b.batch_number,
        rest,
    )
    return 0


@compiled
def recheck(m: KernelState, out: KernelOutput, book: int) -> bool:
    """Compares misses again, with the last trade price known by now. False: a ladder is wrong."""
    b, mismatches = m.books[book], 0
    for outcome in range(b.outcomes):
        ladder_state = m.ladders[2 * book + outcome]
        if ladder_state.miss < 0:
            continue
        for n in range(len(m.state)):
            m.state[n] = ladder_state.miss_state[n]
        for n in range(ladder_state.miss_size):
            m.scratch[n] = ladder_state.miss_rest[n]
        _finish(m, book, ladder_state.miss_size)
        if _matches_claim(m, ladder_state.miss):
            b.hits += 1
            b.misses -= 1
            write_check(m, out, book, ladder_state.miss_at, ladder_state.miss_number, True)
        else:
            mismatches += 1
        _free_claims(m, ladder_state.miss)
        ladder_state.miss = -1
    return not (mismatches and b.hits)
