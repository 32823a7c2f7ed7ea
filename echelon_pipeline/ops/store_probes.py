"""Checks of ``echelon doctor`` on the stores: data files, marts, the state database, Postgres and Redis.

Belongs here: read-only probes. Probes of the lake's log and the publication are in ``doctor.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

from echelon_pipeline.errors import EchelonError
from echelon_pipeline.ops.venue_probes import Finding, Level, first_few
from echelon_pipeline.settings import RESTORING, Settings

_RESTORE = "Restore the files from a backup, or fetch and derive their days again; see docs/operations.md."
_STATE = "See docs/operations.md, “The state database”."


def examine_stores(settings: Settings, *, deep: bool = False) -> Iterator[Finding]:
    """Findings about every configured store. ``deep`` reads all data files."""
    yield from _files(settings, deep=deep)
    yield from _lineage(settings)
    yield from _marts(settings)
    yield from _unread(settings)
    yield _state(settings)
    if settings.postgres_url is not None:
        yield _postgres(settings.postgres_url)
    if settings.redis_url is not None:
        yield _redis(settings)


def _files(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    # Imported here: only checks that need the Delta engine load it.
    from echelon_pipeline.lake.lake import Lake
    from echelon_pipeline.lake.verify import changed_payloads, missing_files, rotten_files

    lake = Lake.of(settings)
    missing: list[str] = []
    rotten: list[str] = []
    files, unknown = 0, 0
    for name in lake.tables:
        try:
            table_version = lake.open(name)
            if table_version is None:
                continue
            files += len(table_version.files)
            missing += missing_files(table_version)
        except Exception:  # noqa: BLE001, S112 - another check reports a table that cannot be opened
            continue
        if deep:
            found, without = rotten_files(table_version)
            rotten += found
            unknown += without
    if missing:
        yield Finding(Level.FAIL, "data files", first_few(missing), _RESTORE)
    else:
        yield Finding(Level.OK, "data files", f"{files:,}, all files of the log exist")
    if deep:
        yield _checksums(rotten, files, unknown)
        changed = list(changed_payloads(lake)) if files and not missing else []
        text = first_few(changed) if changed else "every raw payload is as served"
        yield Finding(Level.FAIL if changed else Level.OK, "payloads", text, _RESTORE if changed else "")


def _checksums(rotten: list[str], files: int, unknown: int) -> Finding:
    if rotten:
        return Finding(Level.FAIL, "checksums", first_few(rotten), _RESTORE)
    if unknown:
        text = f"{files - unknown:,} files are as committed, {unknown:,} have no checksum yet"
        return Finding(Level.WARN, "checksums", text, "`echelon maintain` records them.")
    return Finding(Level.OK, "checksums", f"{files:,} files are as committed")


def _lineage(settings: Settings) -> Iterator[Finding]:
    from echelon_pipeline.publish.lineage import require_intact_lake

    try:
        require_intact_lake(settings)
    except EchelonError as error:
        yield Finding(Level.FAIL, "lake", str(error), "Mount the disk, or restore what is missing.")
    except Exception:  # noqa: BLE001, S110 - another check reports a table that cannot be opened
        pass


def _marts(settings: Settings) -> Iterator[Finding]:
    from echelon_pipeline.lake.lake import Lake
    from echelon_pipeline.marts.builds import BUILDS, EMPTIED, FAILED, outdated_marts

    lake = Lake.of(settings)
    for kind, level in ((FAILED, Level.FAIL), (EMPTIED, Level.WARN)):
        try:
            outdated = outdated_marts(lake, kind) if lake.version(BUILDS) is not None else {}
        except Exception:  # noqa: BLE001 - another check reports a table that cannot be opened
            return
        for name, reason in outdated.items():
            advice = (
                "`echelon refresh` tries again." if kind == FAILED else "`echelon refresh --allow-empty` empties it."
            )
            yield Finding(level, name, f"its last version is kept: {reason}", advice)


def _unread(settings: Settings) -> Iterator[Finding]:
    """Tables with more unreadable rows on a day of the last week than the settings allow."""
    from echelon_pipeline.ops.health import unread_days

    if not settings.published_file.exists():
        return
    try:
        days = list(unread_days(settings))
    except Exception:  # noqa: BLE001 - another check reports a publication that cannot be read
        return
    for day in days:
        advice = "See docs/operations.md, `warning: rows could not be read`."
        yield Finding(Level.FAIL, "unread rows", f"{day.what}: {day.detail}", advice)
    if not days:
        text = f"no table's day of the last week is above the limit of {settings.max_unread_share:.2%}"
        yield Finding(Level.OK, "unread rows", text)


def _state(settings: Settings) -> Finding:
    from echelon_pipeline.state.database import State, is_emptied
    from echelon_pipeline.state.publications import publications

    if (settings.home / RESTORING).is_dir():
        return Finding(Level.FAIL, "state", "a restore of this home did not end", "Run `echelon restore` again.")
    file = sa.make_url(settings.state_dsn).database if settings.state_url is None else None
    if file and not Path(file).exists():
        return Finding(Level.OK, "state", "no state database yet (created by the first run)")
    if file and is_emptied(settings):
        return Finding(Level.FAIL, "state", f"{file} is empty although this home has publications", _STATE)
    try:
        with State.of(settings) as state:
            count = len(publications(state))
    except (EchelonError, sa.exc.SQLAlchemyError) as error:
        return Finding(Level.FAIL, "state", str(error).splitlines()[0], _STATE)
    return Finding(Level.OK, "state", f"readable, {count} publication(s) recorded")


def _postgres(url: SecretStr) -> Finding:
    from echelon_pipeline.publish.postgres_faults import connected, database_faults

    try:
        with database_faults(), connected(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()
    except EchelonError as error:
        return Finding(Level.FAIL, "postgres", str(error), "Start it, or correct ECHELON_POSTGRES_URL.")
    return Finding(Level.OK, "postgres", "reachable")


def _redis(settings: Settings) -> Finding:
    from echelon_pipeline.state.latest import latest_store

    try:
        store = latest_store(settings)
        try:
            store.get(["doctor:probe"])
        finally:
            store.close()
    except EchelonError as error:
        return Finding(Level.FAIL, "redis", str(error), "Start it, or correct REDIS_URL.")
    return Finding(Level.OK, "redis", "reachable")
