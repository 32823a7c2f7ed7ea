"""What every subcommand starts with: settings, log, consoles, and how errors are shown.

Belongs here: nothing that knows a subcommand.
"""

from __future__ import annotations

import logging
import shutil
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from echelon_pipeline import stopping
from echelon_pipeline.commands.faults import in_our_words
from echelon_pipeline.commands.visible import VisibleConsole, visible
from echelon_pipeline.errors import BadSettings, EchelonError, Transient
from echelon_pipeline.ingest.homes import require_recorded_demo
from echelon_pipeline.settings import Settings, differences, load_settings, record_settings

EXIT_PERMANENT = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells say it; other signals alike
EXIT_TRANSIENT = 75  # EX_TEMPFAIL: callers such as cron wrappers know it as "try again later"
PIPE_COLUMNS = 160  # a pipe or log has no width; at the usual 80, tables of ten columns fold into ribbons


# Names of files, sources and instruments are printed as they are: to rich, ``[x]`` is a style and ``:a:`` a picture.
_VERBATIM: Mapping[str, Any] = {"markup": False, "emoji": False, "highlight": False}


def out() -> Console:
    """The console for results; made per call because tests and pipes swap standard output."""
    return VisibleConsole(width=shutil.get_terminal_size((PIPE_COLUMNS, 24)).columns, **_VERBATIM)


def err() -> Console:
    """The console for errors and progress: standard error, so that results can be piped."""
    return VisibleConsole(stderr=True, **_VERBATIM)


class _VisibleFormatter(logging.Formatter):
    """Lines of the log may quote what a venue said."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def prepared() -> Settings:
    """Settings from the environment, with the log set up at their level."""
    settings = load_settings()
    # Other packages speak only when something is wrong: alembic alone would say 30 lines on a new home.
    others = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
    handler = logging.StreamHandler()
    handler.setFormatter(_VisibleFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=others, handlers=[handler], force=True)
    logging.getLogger("echelon_pipeline").setLevel(settings.log_level)
    return settings


def building() -> Settings:
    """The same for a command that builds the home: what decides what its data says is recorded with the first one.

    Says where the environment differs from what is recorded. Raises BadSettings.
    """
    prepared()
    for found in differences():
        line = (
            f"{found.name}: the environment says {found.environment}, this home was built with {found.home}, which is "
            f"used; `echelon settings accept {found.name}` changes the home"
        )
        err().print(line, style="yellow", soft_wrap=True)
    settings = load_settings()
    require_recorded_demo(settings)
    record_settings(settings)
    return load_settings()  # of two first commands at once, one has recorded its values


def warn(message: str, *details: str) -> None:
    """Prints a yellow line and its details, indented, on standard error."""
    err().print(f"warning: {message}", style="bold yellow", soft_wrap=True)
    for detail in details:
        err().print(f"  {detail}", style="yellow", soft_wrap=True)


def fail(message: str, code: int = EXIT_PERMANENT) -> typer.Exit:
    """Prints one red line; the caller raises what this returns."""
    err().print(f"error: {message}", style="bold red", soft_wrap=True)
    return typer.Exit(code)


class EchelonGroup(TyperGroup):
    """Turns the project's errors and signals into one red line and an exit code, the same one at every LOG_LEVEL;
    DEBUG shows the traceback too."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the subcommand."""
        try:
            with stopping.handling_signals():
                return super().invoke(ctx)
        except EchelonError as error:
            if _debugging():
                err().print(traceback.format_exc(), soft_wrap=True)
            raise fail(str(error), EXIT_TRANSIENT if isinstance(error, Transient) else EXIT_PERMANENT) from None
        except Exception as error:
            known = in_our_words(error)
            if known is None or isinstance(error, typer.Exit | typer.Abort):
                raise
            if _debugging():
                err().print(traceback.format_exc(), soft_wrap=True)
            raise fail(str(known), EXIT_TRANSIENT if isinstance(known, Transient) else EXIT_PERMANENT) from None
        except KeyboardInterrupt as error:
            code = error.exit_code if isinstance(error, stopping.Interrupted) else EXIT_INTERRUPTED
            with suppress(OSError):  # the terminal that was hung up takes no words
                fail("interrupted; what was committed stays, the next run goes on from there")
            raise typer.Exit(code) from None


def _debugging() -> bool:
    try:
        return load_settings().log_level == "DEBUG"
    except BadSettings:
        return False
