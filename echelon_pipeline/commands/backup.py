"""``echelon backup`` and ``echelon restore``.

Belongs here: options and printed output. ``backups/`` does the work; ``ops/switches.py`` reads Dagster's switches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echelon_pipeline.commands.common import out, prepared
from echelon_pipeline.settings import Settings, load_settings


def backup(
    target: Annotated[Path, typer.Argument(help="Folder of backups, outside of the home; created if it is missing.")],
    keep: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Delete all backups but the newest N afterwards. Default: keep all."),
    ] = None,
) -> None:
    """Back up this home into a new folder below TARGET, while the pipeline runs and listeners record.

    Contains the lake at one set of table versions, all recordings, the state database and the recorded settings; no
    secrets of the environment. Files that the last backup has are hard links to it.
    """
    from echelon_pipeline.backups.take import take

    settings = prepared()
    taken = take(settings, target.absolute(), keep=keep, switches=_switches(settings))
    about = taken.backup.about
    whole = (
        f"{len(about.tables)} tables, {taken.segments:,} segments, {about.files:,} files, {about.bytes / 1e6:,.1f} MB"
    )
    new = f"{taken.copied_files:,} files, {taken.copied_bytes / 1e6:,.1f} MB"
    out().print(f"backup {taken.backup.folder}: {whole}; new: {new}", soft_wrap=True)
    if about.lake:
        out().print(f"not in it: the tables of {about.lake}; use the versions of the object store", soft_wrap=True)
    if taken.deleted:
        out().print(f"older backups deleted: {taken.deleted}", soft_wrap=True)


def restore(
    source: Annotated[Path, typer.Argument(help="A backup, or a folder of backups, whose newest one is used.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only read the backup and compare every file with its checksum.")
    ] = False,
) -> None:
    """Restore a backup into the empty folder ECHELON_HOME, then publish."""
    from echelon_pipeline.backups.restore import check as read_all
    from echelon_pipeline.backups.restore import restore as put_back

    settings = prepared()
    if check:
        whole = read_all(source.absolute())
        out().print(f"{whole.folder}: {whole.about.files:,} files are as they were backed up", soft_wrap=True)
        return
    restored = put_back(settings, source.absolute())
    about = restored.backup.about
    out().print(
        f"restored {restored.backup.folder} (of {about.began_at}, version {about.version}) to {settings.home}: "
        f"{len(about.tables)} tables, {restored.files:,} files",
        soft_wrap=True,
    )
    _publish(load_settings())  # with the settings that the backup recorded
    for name in about.secrets:
        out().print(f"{name} was set: the backup has no secrets, set it again", soft_wrap=True)


def _publish(settings: Settings) -> None:
    """Publishes, then reports partitions and sets the switches in Dagster's new records."""
    import dagster as dg

    from echelon_pipeline.backups.layout import SWITCHES
    from echelon_pipeline.commands.upkeep import report_partitions
    from echelon_pipeline.commands.work import in_dagster, print_stale
    from echelon_pipeline.ops.switches import write_switches
    from echelon_pipeline.publish.publish import publish

    publication = publish(settings, force=True)
    if publication is not None:
        out().print(f"published {publication.path}", soft_wrap=True)
        print_stale(publication.stale)
    with in_dagster(settings), dg.DagsterInstance.get() as instance:
        switches = settings.home / SWITCHES
        if switches.is_file():
            for name in write_switches(instance, switches.read_text(encoding="utf-8")):
                out().print(f"{name}: switched as before", soft_wrap=True)
            switches.unlink()
        report_partitions(settings, instance)


def _switches(settings: Settings) -> str | None:
    """What a person switched on or off in Dagster; None if it has no records yet."""
    if not settings.dagster_home.is_dir():
        return None
    import dagster as dg

    from echelon_pipeline.commands.work import in_dagster
    from echelon_pipeline.ops.switches import read_switches

    with in_dagster(settings), dg.DagsterInstance.get() as instance:
        return read_switches(instance)
