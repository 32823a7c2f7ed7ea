"""An instance as the command makes it: SQLite, the project's own ``dagster.yaml``."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from echelon_pipeline.settings import project_file


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """Shared by the tests of a module: making one takes two seconds."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_bytes(project_file("dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(home)) as made:
        yield made
