"""Every trade of one venue as columns in the order of time, with access per instrument.

Belongs here: drawing trades near the price paths, and the number of trades visible at a time. A trade row is 50 bytes;
five million are 250 MB. Rows after the clock's time exist but are not visible.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import polars as pl

from echelon_pipeline.sandbox.universe.catalog import DAY
from echelon_pipeline.sandbox.universe.columns import Ints, view
from echelon_pipeline.sandbox.universe.paths import ONE, bid_ask, mid_at
from echelon_pipeline.sandbox.universe.randomness import Int, bits_at, mix

TICK, FINE_TICK = 100, 10
_SLICE = 500_000  # number of prices computed at once; bounds memory


@dataclass(frozen=True)
class TradeTable:
    """Columns by trade in time order. ``t``: Unix microseconds; ``price``: of outcome 0 in 1e-4 dollars;
    ``size``: in 1e-6; ``key``: random bits for the trade's details (identical prints share them); ``tx``:
    transaction. ``by_inst``: trade numbers per instrument from ``offset``; ``cum_size``/``cum_cash``:
    running totals in that order (1e-6 contracts and dollars). ``blocks``: numbers of block trades."""

    t: Ints
    inst: Ints
    price: Ints
    size: Ints
    key: Ints
    tx: Ints
    by_inst: Ints
    offset: Ints
    cum_size: Ints
    cum_cash: Ints
    blocks: Ints
    frame: pl.DataFrame

    def visible(self, us: int) -> int:
        """The number of trades at or before a time."""
        return bisect_right(self.t, us)

    def of(self, i: int, first: int, stop: int) -> Ints:
        """Numbers of an instrument's trades with first <= number < stop, ascending."""
        low, high = self.offset[i], self.offset[i + 1]
        return self.by_inst[bisect_left(self.by_inst, first, low, high) : bisect_left(self.by_inst, stop, low, high)]

    def totals(self, i: int, stop: int) -> tuple[int, int, int]:
        """Trades, size (1e-6) and cash (1e-6 dollars) of an instrument before trade number ``stop``."""
        low, high = self.offset[i], self.offset[i + 1]
        at = bisect_left(self.by_inst, stop, low, high)
        if at == low:
            return 0, 0, 0
        size0 = self.cum_size[low - 1] if low else 0
        cash0 = self.cum_cash[low - 1] if low else 0
        return at - low, self.cum_size[at - 1] - size0, self.cum_cash[at - 1] - cash0

    def last_price(self, i: int, stop: int) -> int | None:
        """Price of an instrument's last trade before number ``stop``."""
        low, high = self.offset[i], self.offset[i + 1]
        at = bisect_left(self.by_inst, stop, low, high)
        return self.price[self.by_inst[at - 1]] if at > low else None


def build_trades(
    key: int, venue: str, markets: pl.DataFrame, now: int, days: int, horizon_days: int, wanted: int, *, blocks: bool
) -> TradeTable:
    """About ``wanted`` trades before now (heavy-tailed over instruments), and later trades at the same rate."""
    counts = _counts(key, markets, now, days, horizon_days, wanted)
    drawn = _draw(key, counts, now, days, chains=venue == "polymarket")
    priced = pl.concat(
        [_price(key, markets, part, blocks=blocks) for part in drawn.iter_slices(_SLICE)]
        or [_price(key, markets, drawn, blocks=blocks)]
    )
    ordered = priced.sort("t", "order", maintain_order=True)
    del priced, drawn
    return _table(ordered, len(markets))


def _table(ordered: pl.DataFrame, instruments: int) -> TradeTable:
    by = (
        ordered.select("inst", cash=pl.col("size") * pl.col("price") // ONE, size="size")
        .with_row_index("n")
        .sort("inst", "n")
    )
    per = by.group_by("inst").len()
    lengths = pl.DataFrame({"inst": pl.int_range(0, instruments, eager=True, dtype=pl.Int32)}).join(
        per, on="inst", how="left", maintain_order="left"
    )
    offset = pl.concat([pl.Series([0], dtype=pl.Int64), lengths["len"].fill_null(0).cum_sum().cast(pl.Int64)])
    frame = ordered.select("t", "inst", "price", "size", "key", "tx")
    return TradeTable(
        t=view(frame["t"]),
        inst=view(frame["inst"]),
        price=view(frame["price"]),
        size=view(frame["size"]),
        key=view(frame["key"]),
        tx=view(frame["tx"]),
        blocks=view(ordered.with_row_index("n").filter(pl.col("block"))["n"].cast(pl.Int32)),
        by_inst=view(by["n"].cast(pl.Int32)),
        offset=view(offset),
        cum_size=view(by["size"].cum_sum()),
        cum_cash=view(by["cash"].cum_sum()),
        frame=frame,
    )


def _counts(key: int, markets: pl.DataFrame, now: int, days: int, horizon_days: int, wanted: int) -> pl.DataFrame:
    """Trades of each instrument before and after now."""
    start, end = now - days * DAY, now + horizon_days * DAY
    inst = pl.int_range(0, len(markets), dtype=pl.Int64, eager=True)
    draws = bits_at(inst * 0 + key, inst)
    paused = bits_at(draws, inst * 0 + 3) % 50 == 13  # universe.Venue.is_paused
    popularity = pl.Series((draws % 1_000_000 + 1) / 1_000_000) ** -0.75 * (~paused).cast(pl.Float64)
    base = markets.select(
        inst=inst,
        opens="opens",
        closes="closes",
        past=(pl.min_horizontal("closes", pl.lit(now)) - pl.max_horizontal("opens", pl.lit(start))).clip(0),
        future=(pl.min_horizontal("closes", pl.lit(end)) - pl.max_horizontal("opens", pl.lit(now))).clip(0),
        pace=popularity * (pl.col("closes") - pl.col("opens")) ** -0.4,
        luck=mix(draws + 1) / 2**32,
    )
    weight = base.select((pl.col("pace") * pl.col("past")).sum()).item() or 1.0
    scale = wanted / weight
    return base.select(
        "inst",
        "opens",
        "closes",
        "past",
        "future",
        n_past=(pl.col("pace") * pl.col("past") * scale + pl.col("luck")).floor().cast(pl.Int64),
        n_future=(pl.col("pace") * pl.col("future") * scale + 1 - pl.col("luck")).floor().cast(pl.Int64),
    ).with_columns(
        n_past=pl.when(pl.col("past") > 0).then("n_past").otherwise(0),
        n_future=pl.when(pl.col("future") > 0).then("n_future").otherwise(0),
    )


def _draw(key: int, counts: pl.DataFrame, now: int, days: int, *, chains: bool) -> pl.DataFrame:
    """Time, instrument and identity of every trade, ordered by instrument and time."""
    start = now - days * DAY
    n = pl.col("n_past") + pl.col("n_future")
    rows = counts.filter(n > 0).with_columns(k=pl.int_ranges(0, n, dtype=pl.Int32)).explode("k")
    order = pl.int_range(0, len(rows), dtype=pl.Int64, eager=True)
    draws = bits_at(order * 0 + (key + 17), order)
    is_past = pl.col("k") < pl.col("n_past")
    origin = pl.when(is_past).then(pl.max_horizontal("opens", pl.lit(start))).otherwise(pl.max_horizontal("opens", now))
    span = pl.when(is_past).then("past").otherwise("future")
    micro = mix(draws + 3) % 1_000_000 * (not chains)  # blockchain times are whole seconds
    rows = rows.select(
        pl.col("inst").cast(pl.Int32),
        order=order,
        t=(origin + draws * (span - 1).clip(0) // 2**32) * 1_000_000 + micro,
        key=mix(draws + 7),
    ).sort("inst", "t", "order")
    return _chain(rows) if chains else rows.with_columns(tx="order")


def _chain(rows: pl.DataFrame) -> pl.DataFrame:
    """Puts some rows into the transaction of the previous row; some of these are identical prints."""
    same = pl.col("inst") == pl.col("inst").shift(1)
    joins = (same & (pl.col("key") // 2**10 % 100 < 8)).fill_null(value=False)
    twin = joins & (pl.col("key") // 2**20 % 2 == 0)
    return rows.select(
        "order",
        "inst",
        t=pl.when(joins).then(None).otherwise("t").forward_fill(),
        key=pl.when(twin).then(None).otherwise("key").forward_fill(),
        tx=pl.when(joins).then(None).otherwise("order").forward_fill(),
    )


def _price(key: int, markets: pl.DataFrame, part: pl.DataFrame, *, blocks: bool) -> pl.DataFrame:
    """Price and size of trades: at the quote of the minute, sometimes one tick deeper."""
    near = markets.select("key", "base", "swing", "final", "opens", "closes")[part["inst"]]
    inst = part["inst"].cast(pl.Int64)
    bits = bits_at(inst * 0 + key, inst)
    tick, width = ticks(bits), 1 + bits // 8 % 4
    middle = mid_at(
        near["key"], near["base"], near["swing"], near["final"], near["opens"], near["closes"], part["t"] // 60_000_000
    )
    bid, ask = bid_ask(middle, tick, width)
    k = pl.col("key")
    deeper = pl.when(k // 4 % 5 == 0).then("tick").otherwise(0)
    price = pl.when(k % 2 == 0).then(pl.col("ask") + deeper).otherwise(pl.col("bid") - deeper)
    quantity = (1 + k // 64 % 50) * pl.lit(2, dtype=pl.Int64).pow(k // 4096 % 6).cast(pl.Int64)
    fraction = pl.when(k // 2**17 % 10 < 3).then(k // 2**20 % 100 * 10_000).otherwise(0)
    block = (k // 2**21 % 512 == 5) & blocks
    return part.with_columns(tick=tick, bid=bid, ask=ask).select(
        "order",
        "t",
        "inst",
        price=pl.max_horizontal(pl.min_horizontal(price, ONE - pl.col("tick")), "tick").cast(pl.Int32),
        size=quantity * 1_000_000 * pl.when(block).then(50).otherwise(1) + fraction,
        key="key",
        tx=pl.col("tx").cast(pl.Int32),
        block=block,
    )


def ticks(bits: Int) -> Int:
    """Tick size (1e-4 dollars) of an instrument from its bits: one in four has the finer tick."""
    return TICK - (TICK - FINE_TICK) * (bits % 4 // 3)


def is_block(key: int) -> bool:
    """Whether a Kalshi trade was negotiated off the book (same rule as its size)."""
    return key // 2**21 % 512 == 5
