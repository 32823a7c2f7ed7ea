"""Listeners from a YAML file.

Belongs here: reading one, and when. A file is ``{listeners: [{name: …, venue: …, filters and numbers}, …]}``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from pydantic import ValidationError

from echelon_pipeline.clocks import Clock
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.state.database import State
from echelon_pipeline.state.listeners import Listener, Listeners
from echelon_pipeline.state.statements import put
from echelon_pipeline.state.tables import LISTENER_SEEDS

_T = LISTENER_SEEDS.c


def read_listeners(path: Path) -> list[Listener]:
    """The listeners of a file. Raises BadSettings naming the file and the field that is wrong."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise BadSettings(f"{path}: no YAML: {' '.join(str(error).split())}") from error
    entries = document.get("listeners") if isinstance(document, dict) and set(document) == {"listeners"} else None
    if not isinstance(entries, list):
        raise BadSettings(f"{path}: expected one key, listeners, with a list of them")
    found = [_listener(path, number, entry) for number, entry in enumerate(entries)]
    names = [listener.name for listener in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise BadSettings(f"{path}: listeners[{number}].name: {name!r} is there twice")
    return found


def load_listeners(listeners: Listeners, path: Path) -> list[Listener]:
    """Adds those of a file, or changes the ones of their names; others stay. All or none. Raises BadSettings."""
    found = read_listeners(path)
    listeners.save(*found)
    return found


def seed(settings: Settings, state: State, *, clock: Clock | None = None) -> Listeners:
    """The listeners of a state database, those of the configured file among them.

    The file counts when it has changed since it was last read here: what was edited since by hand stays. Raises
    BadSettings.
    """
    listeners = Listeners(state, clock=clock)
    path = settings.listeners_file
    if path is None:
        return listeners
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadSettings(f"ECHELON_LISTENERS_FILE: {path} cannot be read: {error.strerror}") from error
    name = str(path.resolve())
    with state.read() as connection:
        seen = connection.execute(sa.select(_T.sha256).where(_T.path == name)).scalar()
    if seen != sha256:
        load_listeners(listeners, path)
        with state.begin() as connection:
            put(connection, LISTENER_SEEDS, {"path": name, "sha256": sha256, "loaded_at": listeners.now()})
    return listeners


def _listener(path: Path, number: int, entry: Any) -> Listener:
    where = f"{path}: listeners[{number}]"
    if not isinstance(entry, dict):
        raise BadSettings(f"{where}: expected the fields of a listener, name and venue among them")
    try:
        return Listener.model_validate(entry)
    except ValidationError as error:
        raise BadSettings("; ".join(f"{where}{problem}" for problem in problems(error))) from None


def problems(error: ValidationError) -> list[str]:
    """What is wrong with a listener, each with its field: ``.venue: …``."""
    found = []
    for item in error.errors():
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"])
        found.append(f"{field}: {item['msg'].removeprefix('Value error, ')}")
    return found
