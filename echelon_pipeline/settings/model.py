"""All settings as one object.

Belongs here: the groups together, and what follows from several of them.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from echelon_pipeline.settings.capture import CaptureSettings
from echelon_pipeline.settings.clients import ClientsSettings
from echelon_pipeline.settings.group import Group
from echelon_pipeline.settings.home import HomeSettings
from echelon_pipeline.settings.kalshi import KalshiSettings
from echelon_pipeline.settings.polymarket import PolymarketSettings
from echelon_pipeline.settings.scope import ScopeSettings
from echelon_pipeline.settings.servers import STATE_FILE, ServersSettings

# In the order of the reference page.
GROUPS: tuple[type[Group], ...] = (
    HomeSettings,
    ScopeSettings,
    ClientsSettings,
    CaptureSettings,
    KalshiSettings,
    PolymarketSettings,
    ServersSettings,
)


# Pydantic gives the fields of the last base first: the bases are in the reverse order.
class Settings(
    ServersSettings,
    PolymarketSettings,
    KalshiSettings,
    CaptureSettings,
    ClientsSettings,
    ScopeSettings,
    HomeSettings,
):
    """Everything that can be set. See ``docs/settings.md``."""

    @property
    def state_dsn(self) -> str:
        """The URL of the state database."""
        if self.state_url is not None:
            return self.state_url.get_secret_value()
        return f"sqlite:///{quote(str(self.home / STATE_FILE))}"

    def instruments_bound(self, venue: Literal["kalshi", "polymarket"]) -> int:
        """How many instruments of a venue are kept; 0 is all."""
        if venue == "kalshi" and self.kalshi_max_instruments is not None:
            return self.kalshi_max_instruments
        return self.max_instruments
