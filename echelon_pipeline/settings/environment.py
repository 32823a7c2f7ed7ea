"""Settings from the environment and from the record of the home.

Belongs here: reading variables, recording settings and comparing them. No other module reads ``os.environ``.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings.model import Settings, settings_class
from echelon_pipeline.settings.recorded import FILE as RECORDED_FILE
from echelon_pipeline.settings.recorded import read_recorded, write_recorded
from echelon_pipeline.settings.urls import POSTGRES, check_url

# Dagster reads this variable itself: it is not a field, but it is validated with the fields.
DAGSTER_URL = "DAGSTER_POSTGRES_URL"


def env_names() -> dict[str, str]:
    """Environment name of every setting, mapped to its field."""
    return {str(info.validation_alias): field for field, info in settings_class().model_fields.items()}


# Settings that decide which rows a home has and what its marts contain. The range of days is not one of them: each
# run has its own.
SHAPES_DATA = (
    "now",
    "builder_code",
    "builder_week_start",
    "max_instruments",
    "kalshi_max_instruments",
    "min_volume",
    "history_days",
    "reread_days",
    "parlays_max",
    "parlays_scan",
    "parlays_reread",
    "parlay_collections",
    "overlap_minutes",
    "trend_short_days",
    "trend_long_days",
    "late_hours",
    "stale_hours",
    "max_unread_share",
)


@dataclass(frozen=True)
class Difference:
    """A setting whose value in the environment differs from the one recorded in the home."""

    name: str
    environment: str
    home: str


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. For ``SHAPES_DATA`` the values recorded in the home win, if there are any.

    Raises BadSettings for an unknown ``ECHELON_*`` name (with the nearest known one) and for an invalid value; the
    message names the variable and never shows its value.
    """
    values = _environment(environ)
    settings = _validated(values)
    recorded = _recorded(settings.home)
    return _validated({**values, **recorded}, settings.home / RECORDED_FILE) if recorded else settings


def with_values(settings: Settings, changed: Mapping[str, Any]) -> Settings:
    """The settings with other values by field, for a part of a process; None keeps a value, and so does the name of no
    field. Raises BadSettings for an invalid value."""
    known = type(settings).model_fields
    values = {name: value for name, value in changed.items() if value is not None and name in known}
    return _validated({**dict(settings), **values}) if values else settings


def record_settings(settings: Settings) -> None:
    """Records the settings that shape the data, if they are not recorded yet. Raises BadSettings."""
    recorded = _recorded(settings.home)
    if not recorded.keys() >= set(SHAPES_DATA):  # a newer version may add a setting that an older one did not record
        write_recorded(settings.home, {**_shaping(settings), **recorded}, first=not recorded)


def differences(environ: Mapping[str, str] | None = None) -> list[Difference]:
    """Settings whose value in the environment differs from the recorded one. Raises BadSettings."""
    settings = _validated(_environment(environ))
    names = {field: name for name, field in env_names().items()}
    current = _shaping(settings)
    recorded = _shaping(load_settings(environ))
    changed = [f for f in SHAPES_DATA if f in settings.model_fields_set and current[f] != recorded[f]]
    return [Difference(names[f], _shown(current[f]), _shown(recorded[f])) for f in changed]


def accept_settings(names: Sequence[str], environ: Mapping[str, str] | None = None) -> list[Difference]:
    """Records the environment's values of the named variables, or of all that differ if ``names`` is empty; returns
    the changes.

    A named variable that is not set gets its default. Raises BadSettings for a name that is never recorded.
    """
    known = {name: field for name, field in env_names().items() if field in SHAPES_DATA}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadSettings(f"{', '.join(unknown)}: not a recorded setting; a home records {', '.join(sorted(known))}")
    settings = _validated(_environment(environ))
    current, recorded = _shaping(settings), _shaping(load_settings(environ))
    wanted = names or [d.name for d in differences(environ)]
    changed = [name for name in wanted if current[known[name]] != recorded[known[name]]]
    write_recorded(settings.home, {**recorded, **{known[name]: current[known[name]] for name in changed}})
    return [Difference(name, _shown(current[known[name]]), _shown(recorded[known[name]])) for name in changed]


def is_log_json(environ: Mapping[str, str] | None = None) -> bool:
    """Whether messages are JSON, also where other settings are invalid: these are reported in that format too."""
    return (os.environ if environ is None else environ).get("ECHELON_LOG_FORMAT") == "json"


def shareable(settings: Settings) -> dict[str, str]:
    """Values of the environment by variable, for a backup: no secrets, no recorded settings, not the home's path."""
    values = settings.model_dump(mode="json", include=settings.model_fields_set)
    left_out = {"home", *SHAPES_DATA, *(f for f in values if isinstance(getattr(settings, f), SecretStr))}
    names = {field: name for name, field in env_names().items()}
    return {names[f]: str(v) for f, v in sorted(values.items()) if v is not None and f not in left_out}


def unshared(settings: Settings) -> tuple[str, ...]:
    """Names of the secrets that are set."""
    return tuple(name for name, field in env_names().items() if isinstance(getattr(settings, field), SecretStr))


def _environment(environ: Mapping[str, str] | None) -> dict[str, Any]:
    environ = os.environ if environ is None else environ
    known = env_names()
    for name in environ:
        if name.startswith("ECHELON_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise BadSettings(f"Unknown environment variable {name}.{hint}")
    try:
        check_url(environ.get(DAGSTER_URL) or "postgresql://localhost", POSTGRES)
    except ValueError as error:
        raise BadSettings(f"Invalid settings: {DAGSTER_URL}: {error}") from None
    return {field: environ[name] for name, field in known.items() if environ.get(name, "") != ""}


def _validated(values: Mapping[str, Any], file: Path | None = None) -> Settings:
    try:
        return settings_class().model_validate(values)
    except ValidationError as error:
        names = {field: name for name, field in env_names().items()}
        problems = "; ".join(
            f"{names.get(str(item['loc'][0]), item['loc'][0])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
        where = f"{file}: invalid settings" if file else "Invalid settings"
        raise BadSettings(f"{where}: {problems}") from None


def _recorded(home: Path) -> dict[str, Any]:
    return {field: value for field, value in read_recorded(home).items() if field in SHAPES_DATA}


def _shaping(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include=set(SHAPES_DATA))


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)


def dagster_url() -> str:
    """The URL of Dagster's own database; empty if it is in the home. Used to remove its secrets from messages."""
    return os.environ.get(DAGSTER_URL, "")
