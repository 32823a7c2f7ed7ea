"""Looking at SQLite files without changing them: ours and Dagster's.

Belongs here: whether a file can be read as a database. What it means that it cannot is the caller's to say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote


def problem(path: Path, *, deep: bool = False) -> str:
    """What is wrong with a database file; "" where nothing is, or where it does not exist. ``deep`` reads all of it."""
    if path.is_dir():
        return "is a folder"
    if not path.exists():
        return ""
    # Without a log beside it no process is writing: then SQLite need not make one for this look.
    log = path.with_name(f"{path.name}-wal")
    how = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, timeout=5)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            found = connection.execute("PRAGMA quick_check(1)").fetchall() if deep else [("ok",)]
    except sqlite3.OperationalError as error:
        is_locked = any(word in str(error) for word in ("locked", "busy"))
        return "" if is_locked else f"cannot be opened: {error}"
    except sqlite3.DatabaseError as error:
        return f"is damaged or not ours: {error}"
    return "" if found == [("ok",)] else f"is damaged: {' '.join(str(found[0][0]).split())[:200]}"


def problems(folder: Path, *, deep: bool = False) -> Iterator[tuple[Path, str]]:
    """Damaged files ``*.db`` anywhere below a folder, and what is wrong with each."""
    for path in sorted(folder.rglob("*.db")) if folder.is_dir() else ():
        if text := problem(path, deep=deep):
            yield path, text
