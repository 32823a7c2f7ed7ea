"""Retention of raw: permanently deletes raw objects that are older than ``ECHELON_RAW_RETENTION_DAYS``.

Belongs here: choosing and deleting raw objects that are no longer needed. A commit rewrites or drops their files;
vacuum removes the old files from disk a day later.

An object expires when it was both received and last served before the retention limit. The first round deletes its row
of ``raw.last_seen``, the next round the object: a listing that runs in between may still count it as stored. Memory:
DuckDB's limit for the keys of one endpoint's old objects, then one day of one endpoint streamed at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from echelon_pipeline import stopping
from echelon_pipeline.lake.checksums import record
from echelon_pipeline.lake.commits import with_retries
from echelon_pipeline.lake.delta import Where, commit_properties
from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.lake.opening import open_for_write
from echelon_pipeline.lake.raw import LAST_SEEN, OBJECTS
from echelon_pipeline.lake.windows import Windows
from echelon_pipeline.sqltools.statements import statement
from echelon_pipeline.tables import TABLES

_DERIVED = "core.instruments"  # its windows name the listings that were derived
_PLACE = "(date, unit_id, page, position)"


@dataclass(frozen=True)
class Expired:
    """``deleted``: raw objects; ``forgotten``: rows of ``raw.last_seen``, whose objects the next round deletes."""

    deleted: int
    forgotten: int


def expire(lake: Lake, now: datetime, *, days: int, tries: int) -> Expired:
    """Deletes objects last served more than ``days`` whole UTC days ago. Raises Conflict, DiskFull, CorruptStore."""
    before = datetime.combine(now.date() - timedelta(days=days), datetime.min.time(), now.tzinfo)
    table_version = lake.open(OBJECTS)
    old: dict[tuple[str, str], set[date]] = {}
    for file in table_version.files if table_version else ():
        venue, endpoint, day = file.partition
        if isinstance(day, date) and day < before.date():
            old.setdefault((str(venue), str(endpoint)), set()).add(day)
    deleted = sum(_expire(lake, *kind, sorted(dates)) for kind, dates in sorted(old.items()))
    return Expired(deleted, _forget(lake, tries, before))


def _expire(lake: Lake, venue: str, endpoint: str, dates: list[date]) -> int:
    """Deletes old objects of one endpoint, one day at a time."""
    where: Where = {"venue": [venue], "endpoint": [endpoint], "date": dates}
    pending = [(w.unit_id,) for w in Windows(lake).underived(venue, OBJECTS, by=_DERIVED)]
    with lake.duck() as connection:
        connection.execute(f"CREATE TEMP VIEW objects AS {lake.scan(OBJECTS, where=where)}")
        connection.execute(f"CREATE TEMP VIEW last_seen AS {lake.scan(LAST_SEEN, where={'venue': [venue]})}")
        connection.execute("CREATE TEMP TABLE pending (unit_id VARCHAR)")
        if pending:
            connection.executemany("INSERT INTO pending VALUES ($1)", pending)
        connection.execute(f"CREATE TEMP TABLE expired AS {statement('raw/expired').text}")
        counts = connection.execute("SELECT date, count(*) FROM expired GROUP BY ALL ORDER BY ALL").fetchall()
        for day, _ in counts:
            lake.delete_rows(connection, OBJECTS, (venue, endpoint, day), f"{_PLACE} IN (SELECT {_PLACE} FROM expired)")
    return sum(count for _, count in counts)


def _forget(lake: Lake, tries: int, before: datetime) -> int:
    if lake.version(LAST_SEEN) is None:
        return 0

    def attempt() -> int:
        table_version = open_for_write(TABLES[LAST_SEEN], lake.uri(LAST_SEEN))
        with stopping.committing():
            metrics = table_version.delta.delete(
                f"last_seen_at < TIMESTAMP '{before.isoformat()}'", commit_properties=commit_properties("retention")
            )
        record(table_version.uri, table_version.delta.version())
        return int(metrics["num_deleted_rows"] or 0)

    return with_retries(LAST_SEEN, tries, attempt)
