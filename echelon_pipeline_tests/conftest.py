"""How tests are spread over workers, and what holds for all of hypothesis.

Belongs here: nothing that a test asks for; fixtures are beside the tests that share them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from echelon_pipeline.venues import registry  # noqa: F401 - its macros are in every session, as in the command

# A statement's first run in a process may take a second on a busy machine: time is no property of a value.
settings.register_profile("any_time", deadline=None)
settings.load_profile("any_time")

_ROOT = Path(__file__).parents[1]
_MARK = re.compile(r'mark\.xdist_group\("(\w+)"\)')


class Grouped(LoadScopeScheduling):  # type: ignore[misc]
    """Files whose tests are of one group go to one worker: they share a server, or code that takes a minute to compile.

    xdist 3.8 does so by a suffix of each test's id, which pytest 9.2 does not let it set any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.split("::", 1)[0]) or nodeid


@cache
def _group(path: str) -> str | None:
    found = _MARK.search((_ROOT / path).read_text(encoding="utf-8"))
    return found and found[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Grouped:
    """Instead of ``--dist``'s."""
    return Grouped(config, log)
