"""Where alerts go, and how often.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from echelon_pipeline.settings.group import Group, OptionalHttpUrl, listed
from echelon_pipeline.settings.urls import MAIL, WEB, check_url

_SCHEMES = {"alert_webhook": WEB, "alert_smtp": MAIL}
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*")


class AlertsSettings(Group):
    """Alerts: failed runs and checks"""

    alert_webhook: SecretStr | None = Field(
        None, description="URL that failed runs and checks are posted to as JSON (`text`, `title`, `severity`, …)."
    )
    alert_mail: str | None = Field(None, description="Recipients of alerts, comma-separated.")
    alert_smtp: SecretStr | None = Field(
        None,
        description="Mail server for alerts: `smtps://user:password@host` or `smtp://host:587` (STARTTLS). Needs "
        "ECHELON_ALERT_MAIL.",
    )
    alert_sender: str | None = Field(None, description="Sender of mails. Default: the first recipient.")
    alert_every: int = Field(
        3_600, ge=0, description="Minimum seconds between two alerts for the same failure; repetitions are counted."
    )
    alert_warnings: bool = Field(False, description="Alert on failed checks that are warnings too.")
    ui_url: OptionalHttpUrl = Field(None, description="Address of the UI, for links to runs in alerts.")

    @field_validator("alert_smtp")
    @classmethod
    def _has_recipients(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and not info.data.get("alert_mail"):
            raise ValueError("ECHELON_ALERT_MAIL must name the recipients")
        return value

    @field_validator("alert_webhook", "alert_smtp")
    @classmethod
    def _readable_address(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            check_url(value.get_secret_value(), _SCHEMES[str(info.field_name)])
        return value

    @field_validator("alert_mail", "alert_sender")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        if value is not None and not all(map(_ADDRESS.fullmatch, listed(value))):
            raise ValueError("expected mail addresses, separated by commas")
        return value

    @property
    def alert_recipients(self) -> tuple[str, ...]:
        """Recipients of mails."""
        return listed(self.alert_mail)

    @property
    def has_alerts(self) -> bool:
        """Whether a destination is configured."""
        return self.alert_webhook is not None or self.alert_smtp is not None
