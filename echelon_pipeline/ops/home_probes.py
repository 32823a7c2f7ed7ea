"""Checks of ``echelon doctor`` on a home's small files: Dagster's records, the demo's mark, latest states, recordings.

Belongs here: read-only probes. Probes of the lake and the databases are in ``store_probes.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from echelon_pipeline.errors import BadSettings, CorruptStore, NotFound
from echelon_pipeline.ops.dagster_home import INSTANCE_FILE
from echelon_pipeline.ops.venue_probes import Finding, Level, first_few
from echelon_pipeline.settings import Settings, project_file


def examine_home(settings: Settings, *, deep: bool = False) -> Iterator[Finding]:
    """Findings about existing files. ``deep`` reads each database completely, and every recorded segment."""
    yield _instance_file(settings)
    yield from _dagster_records(settings, deep=deep)
    yield from _mark(settings)
    yield from _latest(settings, deep=deep)
    if deep:
        yield from _recordings(settings)


def _instance_file(settings: Settings) -> Finding:
    ours = settings.dagster_home / INSTANCE_FILE
    if not ours.exists():
        return Finding(Level.OK, "dagster", "no instance yet (created by the first run)")
    advice = f"remove {ours}: the next run copies the shipped file."
    try:
        if ours.read_bytes() == project_file(INSTANCE_FILE).read_bytes():
            return Finding(Level.OK, "dagster", str(ours))
        from echelon_pipeline.ops.instance_file import refused

        said = refused(ours.parent)
    except OSError as error:
        said = str(error.strerror)
    if said:
        return Finding(Level.FAIL, "dagster", f"{ours} cannot be used: {said}", f"Correct or {advice}")
    return Finding(Level.WARN, "dagster", f"{ours} differs from the shipped one", f"If this is not intended, {advice}")


def _dagster_records(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    from echelon_pipeline.state.sqlite_files import problems

    if not settings.dagster_home.exists():
        return
    if not settings.dagster_home.is_dir():
        advice = "Move it away: the next run creates a folder, and the lake does not depend on it."
        yield Finding(Level.FAIL, "dagster records", f"{settings.dagster_home} is not a folder", advice)
        return
    damaged = [f"{path} {text}" for path, text in problems(settings.dagster_home, deep=deep)]
    if damaged:
        advice = "Move the file away: the next run creates a new one, and the lake does not depend on it."
        yield Finding(Level.FAIL, "dagster records", first_few(damaged), advice)
    else:
        yield Finding(Level.OK, "dagster records", f"readable, below {settings.dagster_home}")


def _mark(settings: Settings) -> Iterator[Finding]:
    from echelon_pipeline.ingest.homes import MARK, claimed_universe

    try:
        if claimed_universe(settings.home) is not None:
            yield Finding(Level.OK, "demo", f"{settings.home / MARK}: a demo's home")
    except BadSettings as error:
        yield Finding(Level.FAIL, "demo", str(error), f"`echelon demo` writes the same {MARK} in a new home.")


def _latest(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    from echelon_pipeline.state.latest import FILE
    from echelon_pipeline.state.sqlite_files import problem

    path = settings.home / FILE
    if text := problem(path, deep=deep):
        yield Finding(Level.FAIL, "latest", f"{path} {text}", "Move it away: listeners create a new one.")
    elif path.exists():
        yield Finding(Level.OK, "latest", f"{path}: readable")


def _recordings(settings: Settings) -> Iterator[Finding]:
    from echelon_pipeline.streams.segments import INSTRUMENTS, connection_of, instruments_of, read, segments

    root = settings.capture_root
    if not root.exists():
        return
    damaged, count = [], 0
    for path in segments(root):
        count += 1
        try:
            connection_of(path)
            if (path.parent / INSTRUMENTS).exists():
                instruments_of(path)
            for _ in read(path):
                pass
        except (NotFound, FileNotFoundError):
            continue  # renamed or deleted since it was listed
        except (CorruptStore, OSError) as error:
            damaged.append(str(error))
    if damaged:
        advice = "Restore it from a backup, or move it away: its time is then a gap. Then run `echelon derive`."
        yield Finding(Level.FAIL, "recordings", first_few(damaged), advice)
    else:
        yield Finding(Level.OK, "recordings", f"{count:,} segments are intact")
