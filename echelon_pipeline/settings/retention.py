"""How long things are kept.

Belongs here: fields, their checks, and properties computed from them alone. ``docs/retention.md`` explains all of them.
"""

from __future__ import annotations

from pydantic import Field

from echelon_pipeline.settings.group import Group


class RetentionSettings(Group):
    """Retention: what is deleted, and when"""

    raw_retention_days: int = Field(
        0,
        ge=0,
        description="Maintenance deletes raw objects that were last served more than this many days ago; 0 keeps all.",
    )
    capture_retention_days: int | None = Field(
        None,
        ge=1,
        description="Maintenance deletes recordings that ended this many days ago, if derived. Default: never.",
    )
    keep_publications: int = Field(3, ge=1, description="Number of kept publications, including the current one.")
    run_retention_days: float = Field(
        30.0,
        ge=0,
        description="`echelon prune` deletes runs that ended at least this many days ago from Dagster's records.",
    )
    keep_runs: int = Field(100, ge=0, description="Number of newest ended runs that `echelon prune` keeps at any age.")
