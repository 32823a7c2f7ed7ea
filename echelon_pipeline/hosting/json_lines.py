"""Log records as JSON, one per line, for collectors of logs.

Belongs here: the format. Names are those of Dagster's own JSON lines, so that one rule reads the lines of all
processes: ``timestamp``, ``level``, ``logger``, ``event`` (the message), ``exception`` with the traceback. Records of a
run also have ``run``, ``job`` and ``step``. All characters outside ASCII are escaped: a line stays a line.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType

_OF_RUNS = {"run": "run_id", "job": "job_name", "step": "step_key"}


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields = {"event": record.getMessage(), "logger": record.name, "level": record.levelname.lower()}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        meta = getattr(record, "dagster_meta", None) or {}
        fields |= {name: str(meta[key]) for name, key in _OF_RUNS.items() if meta.get(key)}
        return _line(datetime.fromtimestamp(record.created, UTC), **fields)


def json_line(event: str, *, logger: str, level: str) -> str:
    """A line that is not a record of ``logging``: what a command prints on standard error."""
    return _line(datetime.now(UTC), event=event, logger=logger, level=level)


def reformat(name: str) -> None:
    """Makes existing handlers write JSON: those of a logger, and the one for records without a handler. Warnings
    become records."""
    last_resort = [] if logging.lastResort is None else [logging.lastResort]
    for handler in [*logging.getLogger(name).handlers, *last_resort]:
        handler.setFormatter(JsonLines())
    warnings = logging.getLogger("py.warnings")
    if not warnings.handlers and not logging.getLogger().handlers:
        warnings.addHandler(logging.StreamHandler())
        warnings.handlers[0].setFormatter(JsonLines())
    logging.captureWarnings(True)


def log_unhandled() -> None:
    """An error that nothing handles ends the process with one line, in place of a traceback of many."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logging.getLogger("echelon_pipeline").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))

    sys.excepthook = hook
    logging.captureWarnings(True)


def _line(at: datetime, **fields: str) -> str:
    return json.dumps({**fields, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"})
