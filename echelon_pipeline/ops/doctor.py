"""Checks this installation and gives advice.

Belongs here: read-only checks of settings, packages, folders, lake, publication, venues and clocks. Each check gives
findings; ``commands/health.py`` prints them. Checks report only whether secrets are set, never their values. All
checks but those of venues work without a network.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import httpx
from packaging.requirements import Requirement

from echelon_pipeline.errors import BadSettings, EchelonError
from echelon_pipeline.ingest.homes import claimed_universe, require_own_venues
from echelon_pipeline.ops.dagster_probes import examine_runs
from echelon_pipeline.ops.data_probes import examine_data, shown
from echelon_pipeline.ops.home_probes import examine_home
from echelon_pipeline.ops.store_probes import examine_stores
from echelon_pipeline.ops.stream_probes import probe_streams
from echelon_pipeline.ops.venue_probes import Clock, Finding, Level, probe_venues
from echelon_pipeline.settings import Settings, differences, load_settings, project_file, unshared
from echelon_pipeline.settings.recorded import FILE
from echelon_pipeline.tables import TABLES
from echelon_pipeline.venues.registry import REGISTRY

# The publication is built at most every five minutes and refreshed hourly. If it is a day old, publishing has stopped.
OLD_PUBLICATION = timedelta(days=1)


def examine(
    environ: Mapping[str, str] | None = None,
    *,
    offline: bool = False,
    deep: bool = False,
    transport: httpx.BaseTransport | None = None,
    wall: Clock = lambda: datetime.now(UTC),
) -> Iterator[Finding]:
    """Every finding, in the order of the checks. ``offline`` skips the venues. ``deep`` reads every data file."""
    yield _python()
    yield _packages()
    try:
        settings = load_settings(environ)
    except BadSettings as error:
        yield Finding(Level.FAIL, "settings", str(error), _advice(error))
        return
    yield _settings(settings)
    yield from _recorded_settings(environ)
    yield _home(settings)
    yield from examine_home(settings, deep=deep)
    yield _lake(settings)
    yield from examine_stores(settings, deep=deep)
    yield from examine_data(settings)
    yield _publication(settings, wall)
    yield from examine_runs(settings, wall)
    if not offline and (reason := _not_probed(settings)):
        yield Finding(Level.OK, "venues", f"not probed: {reason}")
    elif not offline:
        yield from probe_venues(settings, transport, wall)
        if transport is None:  # a replaced network has no streams
            yield from probe_streams(settings)


def _not_probed(settings: Settings) -> str:
    """Why live venues do not matter to a demo's home; "" where they do, or where its sandbox is the venue."""
    try:
        if claimed_universe(settings.home) is not None:
            require_own_venues(settings)
    except BadSettings as error:
        return str(error)
    return ""


def _advice(error: BadSettings) -> str:
    if FILE in str(error):
        return "Restore the file, or move it away: the next command that builds records the environment's settings."
    return "Correct or unset the variable; docs/settings.md lists all variables."


def _python() -> Finding:
    # An older Python cannot reach this line: the package does not install below 3.11.
    return Finding(Level.OK, "python", platform.python_version())


def locked_versions(text: str) -> dict[str, str]:
    """Versions of the packages that a hashed lock file requires on this platform, by name."""
    lines = re.findall(r"^[A-Za-z0-9][^\\\n#]*", text, flags=re.MULTILINE)
    locked = [Requirement(line.strip()) for line in lines]
    return {r.name: str(r.specifier).removeprefix("==") for r in locked if r.marker is None or r.marker.evaluate()}


def _packages() -> Finding:
    lock = project_file("requirements.lock")
    if not lock.exists():
        return Finding(Level.OK, "packages", "installed without the repository; versions are not compared")
    locked = locked_versions(lock.read_text(encoding="utf-8"))
    wrong = []
    for name, version in locked.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "missing"
        if installed != version:
            wrong.append(f"{name} {installed} (locked {version})")
    if wrong:
        text = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        return Finding(Level.WARN, "packages", text, "Remove .venv and run `make setup`.")
    return Finding(Level.OK, "packages", f"{len(locked)} packages as locked")


def _settings(settings: Settings) -> Finding:
    secrets = unshared(settings)
    fault = next((f for venue in REGISTRY.values() for f in venue.faults(settings)), None)
    if fault is not None:
        return Finding(Level.FAIL, "settings", *fault)
    frozen = f"clock frozen at {settings.now.isoformat()}; " if settings.now else ""
    return Finding(Level.OK, "settings", f"{frozen}secrets set: {', '.join(secrets) or 'none'}")


def _recorded_settings(environ: Mapping[str, str] | None) -> Iterator[Finding]:
    for difference in differences(environ):
        name, environment = difference.name, difference.environment
        text = f"{name}: the environment says {environment}, this home was built with {difference.home}"
        advice = f"The home's value is used. `echelon settings accept {name}` changes it; or unset the variable."
        yield Finding(Level.WARN, "settings", text, advice)


def _home(settings: Settings) -> Finding:
    home = settings.home
    place = next(p for p in (home, *home.parents) if p.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Finding(Level.FAIL, "home", f"{place} cannot be written to", "Fix its permissions or set ECHELON_HOME.")
    free_mb = shutil.disk_usage(place).free // 1_000_000
    text = f"{home}{'' if place == home else ' (created by the first run)'}, {free_mb:,} MB free"
    data = {"free_mb": free_mb}
    if free_mb < settings.min_free_mb:
        advice = f"Free disk: units of work refuse to start below {settings.min_free_mb} MB (ECHELON_MIN_FREE_MB)."
        return Finding(Level.FAIL, "home", text, advice, data)
    if free_mb < 5 * settings.min_free_mb:
        return Finding(Level.WARN, "home", text, "Free disk soon, or run `echelon maintain`.", data)
    return Finding(Level.OK, "home", text, data=data)


def _lake(settings: Settings) -> Finding:
    # Imported here: this loads the Delta engine, which other checks do not need.
    from echelon_pipeline.lake.lake import Lake

    lake = Lake.of(settings)
    files: dict[str, int] = {}
    for name in TABLES:
        try:
            if lake.version(name) is not None:
                files[name] = len(lake.files(name))
        except Exception as error:  # noqa: BLE001 - any error of a damaged table becomes a finding
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            advice = "See docs/operations.md, “A table cannot be read”."
            return Finding(Level.FAIL, "lake", text if name in text else f"{name}: {text}", advice)
    if not files:
        return Finding(Level.OK, "lake", f"{settings.lake_root}: empty (filled by `echelon ingest` or `echelon demo`)")
    return Finding(Level.OK, "lake", f"{settings.lake_root}: {len(files)} tables, {sum(files.values())} files")


def _publication(settings: Settings, wall: Clock) -> Finding:
    from echelon_pipeline.publish.reader import read_published

    path = settings.published_file
    if not path.exists():
        return Finding(
            Level.WARN, "publication", f"{path} does not exist", "Run `echelon ingest` or `echelon publish`."
        )
    try:
        with read_published(path, threads=1) as connection:
            connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall()
    except EchelonError as error:
        advice = "Move it away, then run `echelon publish`." if path.is_dir() else "Run `echelon publish --force`."
        return Finding(Level.FAIL, "publication", str(error), advice)
    if _is_changed(settings):
        text = f"{path} was changed by another program since it was published"
        return Finding(Level.FAIL, "publication", text, "Run `echelon publish`: it builds the file again.")
    age = wall() - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    text = f"{path}: {path.stat().st_size / 1e6:,.1f} MB, {shown(age)} old"
    data = {"seconds": round(age.total_seconds()), "bytes": path.stat().st_size}
    if age > OLD_PUBLICATION:
        return Finding(
            Level.WARN, "publication", text, "Publishing has stopped: start the schedules, or `echelon ingest`.", data
        )
    return Finding(Level.OK, "publication", text, data=data)


def _is_changed(settings: Settings) -> bool:
    from echelon_pipeline.publish.integrity import is_changed
    from echelon_pipeline.publish.publications import read_published_file

    path = settings.published_file.absolute()
    try:
        return is_changed(settings, path, read_published_file(path))
    except EchelonError:  # another check reports a state database that cannot be read
        return False


def worst(findings: list[Finding]) -> Level:
    """The worst level of the report."""
    levels = [finding.level for finding in findings]
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)
