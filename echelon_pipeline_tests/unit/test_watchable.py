"""What can be watched: open instruments whose ladders have names."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.errors import NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import load_settings
from echelon_pipeline.streams.selection import watchable
from echelon_pipeline_tests.rows import row, staged


def test_polymarket_books_need_exactly_two_tokens(tmp_path: Path) -> None:
    """With one missing the other's axis is a guess; of three, none mirrors another."""
    settings = load_settings({"ECHELON_HOME": str(tmp_path), "ECHELON_MIN_FREE_MB": "0"})
    lake = Lake.of(settings)
    tokens: dict[str, list[str | None]] = {"two": ["a", "b"], "first": ["c", None], "second": [None, "d"], "none": []}
    tokens["three"] = ["e", "f", "g"]
    rows, sides = [], []
    for name, some in tokens.items():
        given = {"venue": "polymarket", "instrument_id": f"polymarket:{name}", "native_id": name}
        rows.append(row("core.instruments", **given, status="active", is_combo=False))
        del given["native_id"]
        sides += [row("core.outcomes", **given, outcome_index=n, token_id=t) for n, t in enumerate(some)]
    given = {"venue": "kalshi", "instrument_id": "kalshi:K", "native_id": "K"}
    rows.append(row("core.instruments", **given, status="active", is_combo=False))
    for table, some_rows in (("core.instruments", rows), ("core.outcomes", sides)):
        lake.merge(table, [staged(settings.scratch, table, some_rows)])
    publish(settings)
    found = {w.instrument_id: w.tokens for w in watchable(settings, ["kalshi", "polymarket"], most=10)}
    assert found == {"kalshi:K": ("K",), "polymarket:two": ("a", "b")}
    with pytest.raises(NotFound, match="polymarket:second"):
        watchable(settings, ["polymarket"], ids=["polymarket:second"], most=1)
