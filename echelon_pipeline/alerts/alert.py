"""One alert: a short title, a text, a severity, and the key by which repetitions are recognised.

Belongs here: the value, its form in a webhook's body, and the removal of secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import SecretStr

from echelon_pipeline.settings import Settings, dagster_url
from echelon_pipeline.settings.urls import without_secrets

TITLE, TEXT = 200, 2_000  # maximum characters


@dataclass(frozen=True)
class Alert:
    """``key``: of alerts with one key, one is sent per ECHELON_ALERT_EVERY seconds. ``details``: short facts."""

    key: str
    title: str
    text: str
    severity: Literal["error", "warning"] = "error"
    details: Mapping[str, str] = field(default_factory=dict)

    def cleaned(self, settings: Settings) -> Alert:
        """The alert without secrets, and not longer than a message should be."""

        def clean(text: str, most: int) -> str:
            text = redacted(text, settings)
            return text if len(text) <= most else text[: most - 1] + "…"

        return replace(
            self,
            key=clean(self.key, 400),
            title=clean(" ".join(self.title.split()), TITLE),
            text=clean(self.text, TEXT),
            details={name: clean(value, TITLE) for name, value in self.details.items()},
        )


def redacted(text: str, settings: Settings) -> str:
    """A text without the values of secret settings."""
    secrets = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    for secret in sorted(filter(None, [*secrets, dagster_url()]), key=len, reverse=True):
        text = without_secrets(text, secret)
    return text
