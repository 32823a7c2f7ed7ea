"""What a person may set for a single run in the Launchpad.

Belongs here: the configuration of steps. The Launchpad shows the values of the home; another value applies to one run,
is never recorded in the home and does not change how marts are computed. A field whose default is None is rarely set,
and not in the Launchpad's text. Builder codes and the parameters of marts are facts of a home and so are no fields
here: ``echelon settings accept`` changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, create_model

Made = TypeVar("Made")


class ListingMode(Enum):
    """Which listings are requested."""

    auto = "auto"
    full = "full"
    scope = "scope"
    changes = "changes"


class BoundsConfig(dg.Config):
    """Fields named after settings. ``of_home`` gives them the home's values as defaults."""

    def changed(self) -> dict[str, Any]:
        """The fields that differ from the home's values."""
        fields = type(self).model_fields
        return {name: value for name, value in self if value is not None and value != fields[name].default}


Kind = TypeVar("Kind", bound=BoundsConfig)


def of_home(kind: type[Kind], values: Mapping[str, int]) -> type[Kind]:
    """The same configuration with these values as defaults, which the Launchpad shows."""
    fields = {n: (int, Field(default=v, description=kind.model_fields[n].description)) for n, v in values.items()}
    return create_model(kind.__name__, __base__=kind, **fields)  # type: ignore[call-overload,no-any-return]


def configured(step: Callable[..., Made], kind: type[dg.Config]) -> Callable[..., Made]:
    """The function of a step whose parameter ``config`` is of a class that is only known now."""
    step.__annotations__ = {**step.__annotations__, "config": kind}
    return step


class ListingConfig(BoundsConfig):
    """Listings of one venue."""

    mode: ListingMode = Field(
        default=ListingMode.auto,
        description="full: everything in bounds, with series and events; scope: the current state of the bounded set; "
        "changes: new, closed and settled instruments; auto: full once a day, otherwise scope or changes.",
    )
    max_instruments: int | None = Field(
        default=None,
        description="Instruments to request in this run, by 24 h volume; 0 is all. Default: ECHELON_MAX_INSTRUMENTS or "
        "the venue's own setting. Known instruments are read again in any case.",
    )
    min_volume: int | None = Field(
        default=None,
        description="Minimum total volume of an instrument that this run adds. Default: ECHELON_MIN_VOLUME.",
    )
    history_days: int | None = Field(
        default=None,
        description="Settled instruments are requested too if they closed within this many days. Default: "
        "ECHELON_HISTORY_DAYS.",
    )

    def settings(self, venue: str) -> dict[str, Any]:
        """The settings of this run that differ from those of the home."""
        changed = self.changed()
        return {**changed, f"{venue}_max_instruments": changed.get("max_instruments")}


class DeriveConfig(dg.Config):
    """Rows of listings from raw."""

    again: bool | None = Field(
        default=None, description="Derive all of raw again, including payloads that were derived before."
    )


class DayConfig(dg.Config):
    """A day, or a range of days, of one venue's table."""

    refetch: bool = Field(
        default=False, description="Request the days again even if they are complete; raw only gains payloads."
    )
    again: bool | None = Field(
        default=None, description="Derive the days again from raw, without requests to the venue."
    )


class CombosConfig(BoundsConfig):
    """A sample of combos."""

    parlays_max: int | None = Field(
        default=None, description="Open combos to ingest in this run. Default: ECHELON_PARLAYS_MAX."
    )
    parlays_scan: int | None = Field(
        default=None, description="Open combos to scan in this run, newest first. Default: ECHELON_PARLAYS_SCAN."
    )
    parlays_reread: int | None = Field(
        default=None, description="Known, unsettled combos to read again. Default: ECHELON_PARLAYS_REREAD."
    )


class MartConfig(dg.Config):
    """One mart."""

    again: bool | None = Field(default=None, description="Compute up-to-date parts too.")


class RefreshConfig(dg.Config):
    """The refresh of marts."""

    tables: list[str] = Field(
        default=[], description="Marts to refresh, like mart.trade_volume; empty: all that are older than their inputs."
    )
    again: bool = Field(default=False, description="Compute up-to-date parts too.")
    allow_empty: bool = Field(
        default=False, description="Also build a mart that would lose all its rows although its inputs have some."
    )


class PublishConfig(dg.Config):
    """The publication."""

    force: bool = Field(
        default=False,
        description="Publish changes even if the last publication is younger than ECHELON_PUBLISH_EVERY.",
    )


class MaintenanceConfig(dg.Config):
    """Maintenance of the lake."""

    rederive_days: int | None = Field(
        default=None,
        description="Maximum days per table and venue that are derived again with the current parser. Default: "
        "ECHELON_REDERIVE_DAYS.",
    )
