"""The base of all groups of settings: environment names of fields, and types of fields that several groups use.

Belongs here: the base of a group. The field ``publish_every`` is the variable ``ECHELON_PUBLISH_EVERY``; a
``validation_alias`` sets another name.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, SecretStr

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


def _venue_url(*schemes: str) -> AfterValidator:
    """Validates a URL of a venue. Raises ValueError."""

    def check(value: str | None) -> str | None:
        if value is not None:
            check_url(value, schemes, credentials=False)
        return value

    return AfterValidator(check)


def _one_line(value: SecretStr | None) -> SecretStr | None:
    """Validates a key: no blanks, no line feeds. Raises ValueError."""
    if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("it contains a blank, a line feed or another character that a key cannot have")
    return value


# Types of a venue's fields.
HttpUrl = Annotated[str, _venue_url("https", "http")]
WsUrl = Annotated[str, _venue_url("wss", "ws")]
OptionalHttpUrl = Annotated[str | None, _venue_url("https", "http")]
OptionalKey = Annotated[SecretStr | None, AfterValidator(_one_line)]
