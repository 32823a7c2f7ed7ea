"""The home's file of recorded settings.

Belongs here: reading and writing that file. ``environment.py`` decides which settings are recorded and when they
override the environment.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from echelon_pipeline.errors import BadSettings

FILE = "settings.json"


def read_recorded(home: Path) -> dict[str, Any]:
    """Values by field name, as JSON types; empty if nothing is recorded. Raises BadSettings if the file is damaged."""
    path = home / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path} cannot be read ({type(error).__name__}): restore it from a backup") from None
    if not isinstance(values, dict):
        raise BadSettings(f"{path}: expected a JSON object of settings, found a {type(values).__name__}")
    return values


def write_recorded(home: Path, values: Mapping[str, Any], *, first: bool = False) -> None:
    """Replaces the file atomically. ``first``: keeps a file that another process has written in the meantime.

    Raises BadSettings if the home cannot be written.
    """
    path = home / FILE
    part = home / f"{FILE}.{secrets.token_hex(4)}.part"
    try:
        home.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(dict(values), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        if first:
            with suppress(FileExistsError):
                os.link(part, path)
        else:
            part.replace(path)
        part.unlink(missing_ok=True)
    except OSError as error:
        raise BadSettings(f"ECHELON_HOME: cannot write {path}: {error.strerror}") from error
