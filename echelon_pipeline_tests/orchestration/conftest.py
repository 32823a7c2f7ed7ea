"""An instance as the command makes it: SQLite, the project's own ``dagster.yaml``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg
import pytest

from echelon_pipeline.settings import project_file

Opened = Callable[[Path], AbstractContextManager[dg.DagsterInstance]]


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Opens an instance without runs in a new folder: a copy, since making one takes a second or two."""
    blank = tmp_path_factory.mktemp("blank") / "dagster"
    blank.mkdir()
    (blank / "dagster.yaml").write_bytes(project_file("dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(blank)):
        pass
    return lambda home: dg.DagsterInstance.from_config(str(shutil.copytree(blank, home)))


@pytest.fixture(scope="module")
def instance(opened: Opened, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """Shared by the tests of a module."""
    with opened(tmp_path_factory.mktemp("instance") / "dagster") as made:
        yield made
