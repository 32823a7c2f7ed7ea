"""A home and its lake, as most tests of the warehouse begin: empty, with the defaults of every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path)})


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake.of(settings)
