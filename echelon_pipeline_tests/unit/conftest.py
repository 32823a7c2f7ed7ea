"""A home and its lake, as most tests of the warehouse begin: empty, with the defaults of every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from echelon_pipeline.lake.lake import Lake
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.reader_world import fill, home


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path)})


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake.of(settings)


@pytest.fixture(scope="session")
def reader_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The home of ``reader_world``, for tests that only read. They are of the xdist group ``reader``: they share it."""
    return fill(home(tmp_path_factory.mktemp("reader") / ".echelon"))
