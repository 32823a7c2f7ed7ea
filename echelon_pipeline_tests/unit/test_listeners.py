"""Listeners as kept: what each filters by, which instruments are whose, and when each meant to watch what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from echelon_pipeline.errors import NotFound
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.publish.publish import publish
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.filters import Filters
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.streams.selection import chosen, watchable
from echelon_pipeline.tables import TABLES
from echelon_pipeline_tests.rows import row, staged
from echelon_pipeline_tests.state_databases import TickingClock


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[Listeners]:
    with State(f"sqlite:///{tmp_path / 'state.sqlite'}", clock=TickingClock()) as state:
        yield Listeners(state)


def test_a_listener_comes_back_as_it_was_saved(listeners: Listeners) -> None:
    fed = Listener(
        name="fed", venue="kalshi", series=("KXFED",), min_volume=Decimal("10.50"), most=7, discover_every=60, own=True
    )
    listeners.save(fed)
    assert listeners.get("fed") == fed
    [known] = listeners.all()
    assert (known.created_at, known.watched) == (known.updated_at, 0)
    listeners.save(fed.model_copy(update={"most": 8, "own": False, "quotes": True}))
    [again] = listeners.all()
    assert (again.listener.most, again.listener.own, again.listener.quotes) == (8, False, True)
    assert again.created_at == known.created_at < again.updated_at
    with pytest.raises(NotFound, match="nobody"):
        listeners.get("nobody")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "record"}, "echelon record"),
        ({"name": "A b"}, "pattern"),
        ({"venue": "other"}, "kalshi"),
        ({"condition": "0x1"}, "Polymarket"),
        ({"venue": "polymarket", "ticker": "KX"}, "Kalshi"),
        ({"min_volume": 2, "max_volume": 1}, "min_volume is more"),
        ({"sries": "KXFED"}, "extra"),
        ({"most": 0}, "greater"),
        ({"min_volume": "NaN"}, "finite"),
    ],
)
def test_a_listener_that_cannot_work_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Listener(**{"name": "l", "venue": "kalshi", **fields})


def test_what_is_exported_has_the_columns_of_the_tables(listeners: Listeners) -> None:
    listeners.save(Listener(name="l", venue="kalshi", tag=("Crypto",)))
    listeners.claim("l", ["kalshi:A"])
    for table, rows in zip(("core.listeners", "core.listener_intents"), listeners.exported(), strict=True):
        assert list(rows[0]) == [c.name for c in TABLES[table].columns]
    [exported] = listeners.exported()[0]
    assert exported["filters"] == '{"most": 200, "tag": ["Crypto"]}'
    assert (exported["own"], exported["quotes"]) == (False, False)


# --- which instruments


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Four instruments of Kalshi: A and B of the series KXFED, C and D of another, traded 400, 300, 200, 100."""
    home = tmp_path_factory.mktemp("home")
    found = load_settings({"ECHELON_HOME": str(home), "ECHELON_MIN_FREE_MB": "0"})
    lake = Lake.of(found)
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, series in (("KXFED", "rates"), ("KXBTC", "coins")):
        tables.setdefault("core.series", []).append(
            row("core.series", series_id=f"kalshi:{name}", native_id=name, slug=series, tags=[series.title()])
        )
    for number, name in enumerate("ABCD"):
        series = "KXFED" if name in "AB" else "KXBTC"
        ids = {"instrument_id": f"kalshi:{name}", "native_id": name, "event_id": f"kalshi:E{name}"}
        event = {"event_id": f"kalshi:E{name}", "native_id": f"E{name}", "slug": f"slug-{name}"}
        figures = {"volume_24h": 400 - 100 * number, "venue_volume_24h": 400 - 100 * number, "open_interest": number}
        figures |= {"liquidity_usd": 10 * number} if number else {}
        tables.setdefault("core.events", []).append(row("core.events", **event, series_id=f"kalshi:{series}"))
        tables.setdefault("core.instruments", []).append(
            row("core.instruments", **ids, is_combo=False, title=f"Will {name} happen?", category="Economics")
        )
        tables.setdefault("mart.market_overview", []).append(
            row(
                "mart.market_overview",
                **ids,
                status="active",
                quality_flags=[],
                is_clean=True,
                **{k: Decimal(v) for k, v in figures.items()},
            )
        )
    for table, rows in tables.items():
        if TABLES[table].partition_by:
            lake.merge(table, [staged(found.scratch, table, rows)])
        else:
            lake.replace(table, staged(found.scratch, table, rows), None)
    publish(found)
    return found


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "ABCD"),
        ({"series": "kxfed"}, "AB"),
        ({"series": ["kalshi:KXFED", "coins"]}, "ABCD"),
        ({"tag": "coins"}, "CD"),
        ({"slug": "slug-b"}, "B"),
        ({"event": ["EA", "kalshi:ED"]}, "AD"),
        ({"ticker": "C"}, "C"),
        ({"condition": "0x1"}, ""),
        ({"category": "economics"}, "ABCD"),
        ({"category": "sports"}, ""),
        ({"title": "WILL b"}, "B"),
        ({"title": "100%"}, ""),
        ({"min_volume": 200}, "ABC"),
        ({"max_volume": "199.5", "series": "KXBTC"}, "D"),
        ({"min_open_interest": 1, "max_open_interest": 2}, "BC"),
        ({"min_liquidity": 0}, "BCD"),
        ({"max_liquidity": 20}, "BC"),
    ],
)
def test_a_filter_leaves_what_it_says(published: Settings, filters: dict[str, Any], found: str) -> None:
    names = [w.native_id for w in watchable(published, ["kalshi"], most=10, filters=Filters(**filters))]
    assert "".join(names) == found


def ids(found: Sequence[Any] | None) -> str:
    return "none" if found is None else "".join(w.native_id for w in found)


def test_the_first_listener_by_name_gets_what_several_would_watch(published: Settings, listeners: Listeners) -> None:
    listeners.save(Listener(name="b-all", venue="kalshi", most=2))
    assert ids(chosen(published, listeners, "b-all")) == "AB"
    listeners.save(Listener(name="a-fed", venue="kalshi", series=("KXFED",)))
    assert ids(chosen(published, listeners, "a-fed")) == ""  # until the other one lets go
    assert ids(chosen(published, listeners, "b-all")) == "CD"
    assert ids(chosen(published, listeners, "a-fed")) == "AB"
    listeners.activate("a-fed", active=False)
    assert ids(chosen(published, listeners, "a-fed")) == "none"
    assert ids(chosen(published, listeners, "b-all")) == "AB"
