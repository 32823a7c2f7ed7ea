"""All settings as one object.

Belongs here: the class of all groups, and properties computed from several groups.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import quote

from pydantic import create_model

from echelon_pipeline.settings.alerts import AlertsSettings
from echelon_pipeline.settings.capture import CaptureSettings
from echelon_pipeline.settings.clients import ClientsSettings
from echelon_pipeline.settings.group import Group
from echelon_pipeline.settings.home import HomeSettings
from echelon_pipeline.settings.kalshi import KalshiSettings
from echelon_pipeline.settings.polymarket import PolymarketSettings
from echelon_pipeline.settings.retention import RetentionSettings
from echelon_pipeline.settings.scope import ScopeSettings
from echelon_pipeline.settings.servers import STATE_FILE, ServersSettings

# In the order of the reference page.
GROUPS: tuple[type[Group], ...] = (
    HomeSettings,
    RetentionSettings,
    ScopeSettings,
    ClientsSettings,
    CaptureSettings,
    KalshiSettings,
    PolymarketSettings,
    ServersSettings,
    AlertsSettings,
)


# Pydantic lists the fields of the last base first: the bases are in reverse order.
class Settings(
    AlertsSettings,
    ServersSettings,
    PolymarketSettings,
    KalshiSettings,
    CaptureSettings,
    ClientsSettings,
    ScopeSettings,
    RetentionSettings,
    HomeSettings,
):
    """All settings. See ``docs/settings.md``."""

    @property
    def state_dsn(self) -> str:
        """The URL of the state database."""
        if self.state_url is not None:
            return self.state_url.get_secret_value()
        return f"sqlite:///{quote(str(self.home / STATE_FILE))}"

    def instruments_bound(self, venue: str) -> int:
        """Number of instruments to ingest of a venue; 0 is all. A venue's own bound is ``<venue>_max_instruments``."""
        own: int | None = getattr(self, f"{venue}_max_instruments", None)
        return self.max_instruments if own is None else own


_ADDED: list[type[Group]] = []


def use_group(group: type[Group]) -> None:
    """Adds a group to ``Settings``: a venue of another package may bring its own settings."""
    if not issubclass(Settings, group) and group not in _ADDED:
        _ADDED.append(group)


def drop_group(group: type[Group]) -> None:
    """Takes a group that was added out again."""
    _ADDED[:] = [added for added in _ADDED if added is not group]


def settings_class() -> type[Settings]:
    """The settings class with every added group."""
    return _with_groups(tuple(_ADDED))


@cache
def _with_groups(groups: tuple[type[Group], ...]) -> type[Settings]:
    bases: tuple[Any, ...] = (*groups, Settings)
    return create_model("Settings", __base__=bases) if groups else Settings
