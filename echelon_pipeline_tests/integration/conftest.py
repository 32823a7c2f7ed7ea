"""Sandboxes shared by the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from echelon_pipeline.sandbox.options import SandboxOptions
from echelon_pipeline.sandbox.process import SandboxProcess

SMALL = SandboxOptions(events=24, instruments=120, days=12, trades=6_000, seed=11)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """A small synthetic universe of both venues on loopback, without faults."""
    with SandboxProcess(SMALL) as process:
        yield process
