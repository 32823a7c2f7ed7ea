"""Universes of any size that the sandbox's options allow."""

from __future__ import annotations

import pytest

from echelon_pipeline.sandbox.server.options import SandboxOptions
from echelon_pipeline.sandbox.universe.universe import Universe


@pytest.mark.parametrize("instruments", [2, 30])
def test_a_universe_without_trading_has_markets_and_no_trades(instruments: int) -> None:
    universe = Universe(SandboxOptions(events=1, instruments=instruments, trades=0))
    assert [len(venue.trades.t) for venue in (universe.kalshi, universe.polymarket)] == [0, 0]
    assert [venue.trades.totals(0, 0) for venue in (universe.kalshi, universe.polymarket)] == [(0, 0, 0)] * 2
