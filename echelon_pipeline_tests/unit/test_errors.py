"""The error tree: complete, documented, and every error classified exactly once."""

from __future__ import annotations

import inspect
import re

import pytest

from echelon_pipeline import errors
from echelon_pipeline.errors import EchelonError, Permanent, Transient

CLASSES = {name: cls for name, cls in vars(errors).items() if inspect.isclass(cls) and issubclass(cls, EchelonError)}
LEAVES = {name: cls for name, cls in CLASSES.items() if cls not in (EchelonError, Permanent, Transient)}


@pytest.mark.parametrize("name", LEAVES)
def test_an_error_is_either_permanent_or_transient(name: str) -> None:
    assert issubclass(LEAVES[name], Permanent) != issubclass(LEAVES[name], Transient)


def test_the_tree_in_the_docstring_lists_exactly_the_existing_errors() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert sorted([*drawn, "EchelonError"]) == sorted(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_has_a_docstring(name: str) -> None:
    assert CLASSES[name].__doc__


def test_a_transient_error_has_no_retry_after_by_default() -> None:
    error = Transient("busy")
    assert error.retry_after is None
    error.retry_after = 2.5
    assert Transient("other").retry_after is None
