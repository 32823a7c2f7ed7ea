"""The base of all groups of settings: environment names of fields, and checks that several groups use.

Belongs here: the base of a group. The field ``publish_every`` is the variable ``ECHELON_PUBLISH_EVERY``; a
``validation_alias`` sets another name.
"""

from __future__ import annotations

import re

from pydantic import AliasGenerator, BaseModel, ConfigDict, SecretStr, ValidationInfo

from echelon_pipeline.settings.urls import check_url


def _environment_name(field: str) -> str:
    return f"ECHELON_{field.upper()}"


class Group(BaseModel):
    """A group of settings. Durations are in seconds; a size has its unit in its name."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=_environment_name),
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )


def listed(text: str | None) -> tuple[str, ...]:
    """The parts of a comma-separated text."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def venue_url(value: str | None, info: ValidationInfo) -> str | None:
    """Validates a URL of a venue: http, or ws if the field's name contains ``ws_``. Raises ValueError."""
    if value is not None:
        check_url(value, ("wss", "ws") if "ws_" in str(info.field_name) else ("https", "http"), credentials=False)
    return value


def one_line(value: SecretStr | None) -> SecretStr | None:
    """Validates a key: no blanks, no line feeds. Raises ValueError."""
    if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("it contains a blank, a line feed or another character that a key cannot have")
    return value
