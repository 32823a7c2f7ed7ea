"""Checks whether Dagster accepts a home's ``dagster.yaml``.

Belongs here: reading the file like Dagster does, without opening the storages that it names.
"""

from __future__ import annotations

from pathlib import Path

from dagster._core.instance.config import dagster_instance_config


def refused(folder: Path) -> str:
    """Dagster's error for the file in a folder; "" if Dagster accepts it."""
    try:
        dagster_instance_config(str(folder))
    except Exception as error:  # noqa: BLE001 - any error of a damaged file is the answer
        return " ".join(str(error).split())[:300] or type(error).__name__
    return ""
