"""Whether Dagster takes a home's ``dagster.yaml``.

Belongs here: reading the file as Dagster would, without opening what it names.
"""

from __future__ import annotations

from pathlib import Path

from dagster._core.instance.config import dagster_instance_config


def refused(folder: Path) -> str:
    """What Dagster says against the file of a folder; "" where it takes it."""
    try:
        dagster_instance_config(str(folder))
    except Exception as error:  # noqa: BLE001 - whatever a damaged file does to its reader is the answer
        return " ".join(str(error).split())[:300] or type(error).__name__
    return ""
