"""Inputs of the cases, where they are beside this checkout.

Belongs here: how a test names a case's file. Each rule has an input of its own in its test as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).resolve().parent.parent.parent.parent / "shared" / "cases" / "2026-11"


def given(name: str) -> Any:
    """A parameter: a function that reads the case's JSON; skipped where the file is absent."""
    path = CASES / name
    absent = pytest.mark.skipif(not path.is_file(), reason=f"the case {name} is not beside this checkout")
    return pytest.param(lambda: json.loads(path.read_text(encoding="utf-8")), id="file", marks=absent)


def inputs(made: Callable[[], Any], name: str) -> list[Any]:
    """Two parameters of one rule: the case's file where it is beside this checkout, and the test's own input. With the
    file there, the test's own input is slow: it says the same, at 4 s of processor time."""
    marks = [pytest.mark.slow] if (CASES / name).is_file() else []
    return [pytest.param(made, id="made", marks=marks), given(name)]
