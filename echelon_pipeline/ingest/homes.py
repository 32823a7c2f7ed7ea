"""Keeps generated and live rows apart: a home belongs to one universe.

Belongs here: the mark of a demo's home, and the check before every contact with a venue.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings
from echelon_pipeline.venues.registry import REGISTRY

MARK = "sandbox.json"

Universe = dict[str, Any]  # fields of SandboxOptions for a generated universe
_FIELDS = {"events", "instruments", "trades", "days", "seed"}


def claim_home(home: Path, universe: Universe) -> None:
    """Marks a home as made from this universe; BadSettings where it has other data."""
    made_from = claimed_universe(home)
    if made_from is not None and made_from != universe:
        raise BadSettings(f"{home} was made by a demo of another universe; choose another --home or remove it")
    if made_from is None and (home / "lake").exists():
        raise BadSettings(f"{home} holds a lake that the demo did not make; choose another --home")
    home.mkdir(parents=True, exist_ok=True)
    part = home / f"{MARK}.{os.getpid()}.part"
    part.write_text(json.dumps(universe), encoding="utf-8")
    part.replace(home / MARK)  # a kill leaves no half mark


def claimed_universe(home: Path) -> Universe | None:
    """The universe that a home was made from; None where the demo did not make it."""
    mark = home / MARK
    if not mark.exists():
        return None
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.keys() - _FIELDS or not all(type(n) is int for n in found.values()):
        raise BadSettings(f"{mark} is damaged: restore it from a backup, or make the demo's home anew")
    return found


def require_recorded_demo(settings: Settings) -> None:
    """Raises BadSettings for a demo's home without a recorded clock: its marts would be built with today's date."""
    if claimed_universe(settings.home) is not None and settings.now is None:
        raise BadSettings(f"{settings.home} is a demo's home and has no recorded time: run `echelon demo` on it again")


def require_own_venues(settings: Settings) -> None:
    """Raises BadSettings where the home belongs to a demo or its clock is frozen, and a venue's address is not on
    loopback, as a sandbox's is."""
    _require_own(settings, [venue.addresses(settings) for venue in REGISTRY.values()])


def require_own_streams(settings: Settings) -> None:
    """As require_own_venues(), for the venues' streams."""
    _require_own(settings, [venue.streams(settings) for venue in REGISTRY.values()])


def _require_own(settings: Settings, places: Iterable[Mapping[str, str]]) -> None:
    is_demo = claimed_universe(settings.home) is not None
    if not is_demo and settings.now is None:
        return
    elsewhere = [name for urls in places for name, url in urls.items() if not _is_loopback(url)]
    if elsewhere and not is_demo:
        raise BadSettings(
            f"the clock is frozen at {settings.now}, and {', '.join(elsewhere)} point(s) to a live venue: unset "
            "ECHELON_NOW, or choose another ECHELON_HOME if this one was built with it"
        )
    if elsewhere:
        raise BadSettings(
            f"{settings.home} has a demo's generated rows, and {', '.join(elsewhere)} point(s) to a live venue: choose "
            "another ECHELON_HOME for live data; `echelon demo` and `echelon ui` bring this home's sandbox back"
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
