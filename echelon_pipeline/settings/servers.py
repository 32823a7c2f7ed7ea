"""Schedules, log, web pages, and the databases that a home may use.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from echelon_pipeline.settings.group import Group, OptionalHttpUrl, listed
from echelon_pipeline.settings.urls import POSTGRES, REDIS, STATE, check_url, is_host

# Secrets that are URLs.
_SCHEMES = {"state_url": STATE, "postgres_url": POSTGRES, "redis_url": REDIS}
_OWNER = re.compile(r"team:[\w.-]+|[\w.+-]+@[\w-]+(\.[\w-]+)+")
STATE_FILE = "state.sqlite"


class ServersSettings(Group):
    """Servers: schedules, log, web pages, databases"""

    schedules: bool = Field(False, description="Start schedules and sensors by default.")
    ui_hosts: str | None = Field(
        None,
        description="Host names that `echelon ui` answers to in addition to loopback; comma-separated, without ports.",
    )
    owners: str = Field(
        "team:echelon",
        description="Owners of all assets in Dagster: `team:<name>` or mail addresses, comma-separated.",
    )
    source_url: OptionalHttpUrl = Field(
        None,
        description="Address of the repository's files, e.g. `https://git.example.com/data/echelon/blob/main`: assets "
        "link to their source there. Default: files of this machine.",
    )
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL", description="Log level.")
    log_format: str = Field(
        "text",
        description="Format of log records and of messages on standard error: text, or json with one record per line.",
    )
    postgres_url: SecretStr | None = Field(
        None, description="Postgres database for the mirror of marts and reference tables. Default: no mirror."
    )
    postgres_reader: str = Field("echelon_reader", description="Postgres role that may read the mirror, if it exists.")
    state_url: SecretStr | None = Field(
        None, description="State database (SQLAlchemy URL). Default: <home>/state.sqlite."
    )
    redis_url: SecretStr | None = Field(
        None, validation_alias="REDIS_URL", description="Redis for the latest states of books."
    )

    @field_validator("state_url", "postgres_url", "redis_url")
    @classmethod
    def _readable_secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            check_url(value.get_secret_value(), _SCHEMES[str(info.field_name)])
        return value

    @field_validator("ui_hosts")
    @classmethod
    def _names(cls, value: str | None) -> str | None:
        for host in listed(value):
            if not is_host(host):
                raise ValueError("expected comma-separated host names or addresses without scheme, port and path")
        return value

    @field_validator("owners")
    @classmethod
    def _owners(cls, value: str) -> str:
        if not listed(value) or not all(map(_OWNER.fullmatch, listed(value))):
            raise ValueError("expected comma-separated `team:<name>` or mail addresses")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        level = value.upper()
        if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("expected DEBUG, INFO, WARNING, ERROR or CRITICAL")
        return level

    @property
    def asset_owners(self) -> tuple[str, ...]:
        """Owners of all assets."""
        return listed(self.owners)

    @field_validator("log_format")
    @classmethod
    def _format(cls, value: str) -> str:
        if value not in {"text", "json"}:
            raise ValueError("expected text or json")
        return value

    @property
    def ui_hosts_allowed(self) -> tuple[str, ...]:
        """Hosts, in addition to loopback, that the web pages answer to."""
        return listed(self.ui_hosts)
