"""What all subcommands share: settings, log, consoles, and how errors are shown.

Belongs here: what is independent of any one subcommand.
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
from echelon_pipeline.commands.faults import as_echelon_error
from echelon_pipeline.commands.visible import VisibleConsole, visible
from echelon_pipeline.errors import BadSettings, EchelonError, Transient
from echelon_pipeline.hosting.json_lines import JsonLines, json_line, log_unhandled
from echelon_pipeline.ingest.homes import require_recorded_demo
from echelon_pipeline.settings import Settings, differences, is_log_json, load_settings, record_settings

EXIT_PERMANENT = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as in shells; other signals likewise
EXIT_TRANSIENT = 75  # EX_TEMPFAIL: callers such as cron wrappers read it as "try again later"
PIPE_COLUMNS = 160  # a pipe or log has no width; at the usual 80, tables of ten columns become unreadable


# Print names of files, sources and instruments unchanged: rich reads ``[x]`` as a style and ``:a:`` as an emoji.
_VERBATIM: Mapping[str, Any] = {"markup": False, "emoji": False, "highlight": False}


def out() -> Console:
    """The console for results. Each call makes a new one, because tests and pipes replace standard output."""
    return VisibleConsole(width=shutil.get_terminal_size((PIPE_COLUMNS, 24)).columns, **_VERBATIM)


def err() -> Console:
    """The console for errors and progress: standard error, so that results can be piped."""
    return JsonConsole() if is_log_json() else VisibleConsole(stderr=True, **_VERBATIM)


class JsonConsole(VisibleConsole):
    """Writes each text as one line of JSON on standard error; its colour decides the level."""

    def __init__(self) -> None:
        super().__init__(stderr=True, force_terminal=False, **_VERBATIM)

    def print(self, *objects: Any, style: Any = None, **_options: Any) -> None:
        """Writes the line."""
        level = "error" if "red" in str(style) else "warning" if "yellow" in str(style) else "info"
        text = " ".join(str(each) for each in objects)
        self.file.write(json_line(text, logger="echelon_pipeline.commands", level=level) + "\n")


class _VisibleFormatter(logging.Formatter):
    """Escapes control characters: lines of the log may quote text of a venue."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def prepared() -> Settings:
    """Loads the settings from the environment and sets up the log at their level."""
    settings = load_settings()
    # Other packages log warnings and errors only: alembic alone would log 30 lines on a new home.
    others = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
    handler = logging.StreamHandler()
    if settings.log_format == "json":
        handler.setFormatter(JsonLines())
        log_unhandled()
    else:
        handler.setFormatter(_VisibleFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=others, handlers=[handler], force=True)
    logging.getLogger("echelon_pipeline").setLevel(settings.log_level)
    return settings


def building() -> Settings:
    """The same for a command that builds the home. The first such command records the settings that shape the data.

    Prints where the environment differs from the recorded settings. Raises BadSettings.
    """
    prepared()
    for difference in differences():
        name = difference.name
        line = (
            f"{name}: the environment says {difference.environment}, this home was built with {difference.home}, "
            f"which is used; `echelon settings accept {name}` changes the home"
        )
        err().print(line, style="yellow", soft_wrap=True)
    settings = load_settings()
    require_recorded_demo(settings)
    record_settings(settings)
    return load_settings()  # if two first commands run at once, only one of them records its values


def warn(message: str, *details: str) -> None:
    """Prints a yellow line and its details, indented, on standard error."""
    err().print(f"warning: {message}", style="bold yellow", soft_wrap=True)
    for detail in details:
        err().print(f"  {detail}", style="yellow", soft_wrap=True)


def fail(message: str, code: int = EXIT_PERMANENT) -> typer.Exit:
    """Prints one red line and returns the exception that the caller raises."""
    err().print(f"error: {message}", style="bold red", soft_wrap=True)
    return typer.Exit(code)


class EchelonGroup(TyperGroup):
    """Turns the project's errors and signals into one red line and an exit code, the same at every LOG_LEVEL. DEBUG
    also shows the traceback."""

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
            known = as_echelon_error(error)
            if known is None or isinstance(error, typer.Exit | typer.Abort):
                raise
            if _debugging():
                err().print(traceback.format_exc(), soft_wrap=True)
            raise fail(str(known), EXIT_TRANSIENT if isinstance(known, Transient) else EXIT_PERMANENT) from None
        except KeyboardInterrupt as error:
            code = error.exit_code if isinstance(error, stopping.Interrupted) else EXIT_INTERRUPTED
            with suppress(OSError):  # a closed terminal accepts no output
                fail("interrupted; committed data stays, the next run continues from there")
            raise typer.Exit(code) from None


def _debugging() -> bool:
    try:
        return load_settings().log_level == "DEBUG"
    except BadSettings:
        return False
