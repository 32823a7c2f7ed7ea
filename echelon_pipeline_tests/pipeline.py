"""Runs the main job's functions without Dagster, and says what a lake holds, for comparisons.

Belongs here: what several integration tests and benchmarks share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from echelon_pipeline.ingest import main
from echelon_pipeline.lake.session import Counts, Session, Venue
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline.tables import TABLES

VENUES = ("kalshi", "polymarket")

# Bookkeeping that names the unit or run that did the work: differs between runs by design.
BOOKKEEPING = {"raw.objects", "raw.last_seen", "raw.pages", "core.ingest_windows", "core.drift"}
PROVENANCE = {"unit_id", "run_id"}


def settings_for(home: Path, env: Mapping[str, str], **more: str) -> Settings:
    """Settings of a home that talks to a sandbox."""
    return load_settings({**env, "ECHELON_HOME": str(home), "ECHELON_HTTP_BACKOFF": "0.01", **more})


def days_of(settings: Settings, back: int | None = None) -> list[date]:
    """The days to ingest: ``back`` days before today (the configured number), today included."""
    today = settings.clock().date()
    count = settings.days_back if back is None else back
    return [today - timedelta(days=n) for n in range(count, -1, -1)]


def ingest(settings: Settings, venues: Sequence[Venue] = VENUES, back: int | None = None) -> dict[str, Counts]:
    """Everything from the wire to the lake; counts by step."""
    session = Session.of(settings)
    days = days_of(settings, back)
    done: dict[str, Counts] = {}
    for venue in venues:
        done[f"{venue} fetch"] = main.fetch(session, venue)
        done[f"{venue} derive"] = main.derive(session, venue)
        done[f"{venue} trades"] = main.trades(session, venue, days)
        done[f"{venue} prices"] = main.prices(session, venue, days)
    if "polymarket" in venues:
        done["fills"] = main.builder_fills(session, "polymarket", days)
        done["resolutions"] = main.data_resolutions(session, "polymarket")
        done["builders"] = main.builder_leaderboard(session, "polymarket")
    return done


def contents(settings: Settings) -> dict[str, tuple[int, str]]:
    """Row count and a hash of the rows, in key order, of every derived table."""
    session = Session.of(settings)
    found: dict[str, tuple[int, str]] = {}
    for name, table in TABLES.items():
        if name in BOOKKEEPING:
            continue
        columns = ", ".join(f'"{c}"' for c in table.names if c not in PROVENANCE)
        order = ", ".join(f'"{c}"' for c in table.key)
        with session.duck() as connection:
            cursor = connection.execute(f"SELECT {columns} FROM ({session.lake.scan(name)}) ORDER BY {order}")
            digest, rows = hashlib.sha256(), 0
            while batch := cursor.fetchmany(5_000):
                rows += len(batch)
                for row in batch:
                    digest.update(repr(row).encode())
        found[name] = (rows, digest.hexdigest()[:16])
    return found


def duplicates(settings: Settings) -> dict[str, int]:
    """Per table, how many keys stand more than once; empty where none does."""
    session = Session.of(settings)
    found: dict[str, int] = {}
    for name, table in TABLES.items():
        key = ", ".join(f'"{c}"' for c in table.key)
        with session.duck() as connection:
            row = connection.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM ({session.lake.scan(name)}) GROUP BY {key} HAVING count(*) > 1)"
            ).fetchone()
        if row and row[0]:
            found[name] = int(row[0])
    return found
