"""``mart.trade_volume``: by hand, and against plain Python on any prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from echelon_pipeline_tests.marts import computed
from echelon_pipeline_tests.rows import DAY, NOON, Row, row, trade

NAME = "mart.trade_volume"


def _print(number: int, size: str, direction: int | None = 1, **values: Any) -> Row:
    made: Row = {
        "instrument_id": "kalshi:A",
        "size": Decimal(size),
        "taker_notional_usd": Decimal(size) / 4,
        "taker_direction": direction,
    }
    return trade(number, **{**made, **values})


def test_a_day_of_prints_adds_up() -> None:
    prints = [_print(1, "2"), _print(2, "6", -1), _print(3, "4", None), _print(4, "8", is_block_trade=True)]
    complete = row("core.daily_prices", instrument_id="kalshi:A", price_source="trades", unread_rows=0)
    (found,) = computed(NAME, {"core.trades": prints, "core.daily_prices": [complete]})
    assert found == {
        "venue": "kalshi",
        "date": DAY,
        "instrument_id": "kalshi:A",
        "contracts": Decimal(20),
        "taker_notional_usd": Decimal(5),
        "trades": 4,
        "traders": None,
        "average_size": 5.0,
        "bought_0": Decimal(10),
        "sold_0": Decimal(6),
        "taker_imbalance": 0.25,
        "largest_size": Decimal(8),
        "largest_notional_usd": Decimal(2),
        "largest_trade_id": "kalshi:t4",
        "block_contracts": Decimal(8),
        "identity": "strong",
        "is_complete": True,
        "unread_rows": 0,
        "incomplete_reason": None,
    }


def test_imports_without_ids_count_only_if_there_is_no_other_print() -> None:
    prints = [
        _print(1, "2"),
        _print(2, "7", identity="weak"),
        _print(3, "5", identity="weak", instrument_id="kalshi:B"),
    ]
    complete = [row("core.daily_prices", instrument_id=f"kalshi:{i}", price_source="trades") for i in ("A", "B")]
    found = computed(NAME, {"core.trades": prints, "core.daily_prices": complete})
    assert [(r["instrument_id"], r["contracts"], r["identity"], r["is_complete"]) for r in found] == [
        ("kalshi:A", Decimal(2), "strong", True),
        ("kalshi:B", Decimal(5), "weak", False),
    ]


def test_a_day_not_read_to_its_end_is_not_complete() -> None:
    partial = row("core.daily_prices", instrument_id="kalshi:A", price_source="trades", is_complete=False)
    other = row("core.daily_prices", instrument_id="kalshi:A", price_source="candle")
    (found,) = computed(NAME, {"core.trades": [_print(1, "2")], "core.daily_prices": [partial, other]})
    assert found["is_complete"] is False


def test_prints_of_other_days_are_excluded() -> None:
    late = _print(2, "9", event_at=NOON + timedelta(days=1), date=DAY + timedelta(days=1))
    (found,) = computed(NAME, {"core.trades": [_print(1, "2"), late]})
    assert (found["date"], found["contracts"]) == (DAY, Decimal(2))


_PRINTS = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.decimals("0.01", "99999999999.99", places=2),
        st.sampled_from([1, -1, None]),
        st.sampled_from([None, "0x1", "0x2"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25)
@given(_PRINTS)
def test_sums_equal_exact_arithmetic(prints: Sequence[tuple[str, Decimal, int | None, str | None]]) -> None:
    rows = [_print(n, str(size), way, instrument_id=f"kalshi:{i}", trader=t, taker_notional_usd=size / 4)
            for n, (i, size, way, t) in enumerate(prints)]  # fmt: skip
    by_instrument = defaultdict(list)
    for made in rows:
        by_instrument[made["instrument_id"]].append(made)
    found = computed(NAME, {"core.trades": rows})
    assert [r["instrument_id"] for r in found] == sorted(by_instrument)
    for result in found:
        own = by_instrument[result["instrument_id"]]
        assert result["contracts"] == sum(r["size"] for r in own)
        assert result["bought_0"] == sum(r["size"] for r in own if r["taker_direction"] == 1)
        assert result["largest_size"] == max(r["size"] for r in own)
        assert result["traders"] == (len({r["trader"] for r in own} - {None}) or None)
