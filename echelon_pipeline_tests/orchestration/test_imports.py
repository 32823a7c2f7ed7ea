"""Who may import whom, and whether the signs of the rooms name what is there: read from the source.

Belongs here: rules about imports, and about the lists of modules in the docstrings of rooms. What modules contain is
``unit/test_house.py``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import echelon_pipeline

PACKAGE = Path(echelon_pipeline.__file__).parent
ROOT = PACKAGE.parent
NAME = "echelon_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.parent for path in MODULES if path.name == "__init__.py")

DAGSTER_ROOMS = {"cli", "commands", "defs", "definitions", "ops"}
# Modules that only these may import: the compiled replay is optional, and slow to import.
ONLY_FROM = {"books.fast": {"streams.replayer", "venues.kalshi.fast", "venues.polymarket.fast"}}
# What a room sees of another one, where it is not all of it.
SEES_ONLY = {
    ("lake", "venues"): {"venues.kinds", "venues.page", "venues.registry"},
    ("sandbox", "venues"): {"venues.recorders"},
    ("venues.kalshi", "venues.polymarket"): set[str](),
    ("venues.polymarket", "venues.kalshi"): set[str](),
}
UNSEEN_BY_SANDBOX = {"lake", "state", "marts", "publish", "streams", "ingest"}  # it must be evidence of its own
# Runs of jobs in this process need the definitions that are made of the jobs.
UPWARDS = {("defs.run", "definitions")}


def module_name(path: Path) -> str:
    """``venues.http`` for ``echelon_pipeline/venues/http.py``; empty for the package itself."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


NAMES = {module_name(path) for path in MODULES}


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def listed(sign: str) -> list[str]:
    """What the indented lists of a sign name: ``http.py`` and ``kalshi/``."""
    lines = re.findall(r"^(?: {4})?([\w/.,* ]+?)(?:   ?|:)[^\n]*$", sign, flags=re.MULTILINE)
    named = [word.strip(" ,") for line in lines for word in line.split()]
    return [word for word in named if word.endswith((".py", "/"))]


def floors() -> list[str]:
    """The rooms from the ground up, as the sign of the package lists them."""
    return [word.removesuffix(".py").removesuffix("/") for word in listed(docstring(PACKAGE / "__init__.py"))]


FLOORS = floors()


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every import, also inside functions; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)


def violations(module: str, source: str) -> list[str]:
    """What is wrong with the imports of one module."""
    room = module.split(".", maxsplit=1)[0]
    found = []
    for line, name in imports(source):
        where = f"{NAME}/{module.replace('.', '/')}:{line}"
        if name.startswith("."):
            found.append(f"{where} imports relatively: {name}")
        elif name.split(".")[0].startswith("dagster") and room not in DAGSTER_ROOMS:
            found.append(f"{where}: only {sorted(DAGSTER_ROOMS)} import Dagster, not {room}")
        elif name.split(".")[0] == NAME:
            target = name.removeprefix(NAME).removeprefix(".")
            found += [f"{where} imports {target}: {problem}" for problem in _own(module, target)]
    return found


def _own(module: str, target: str) -> Iterator[str]:
    room, other = module.split(".", maxsplit=1)[0], target.split(".", maxsplit=1)[0]
    if other not in FLOORS or room not in FLOORS:  # the package itself: its version
        return
    if FLOORS.index(other) > FLOORS.index(room) and (module, other) not in UPWARDS:
        yield f"{room} lies below {other}"
    if room == "sandbox" and other in UNSEEN_BY_SANDBOX:
        yield "the sandbox uses nothing of the pipeline that it tests"
    for (seer, seen), allowed in SEES_ONLY.items():
        if _inside(module, seer) and _inside(target, seen) and not any(_inside(target, a) for a in allowed):
            yield f"{seer} sees only {sorted(allowed)} of {seen}"
    for inner, users in ONLY_FROM.items():
        if _inside(target, inner) and not _inside(module, inner) and module not in users:
            yield f"only {sorted(users)} import {inner}"


def _inside(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def test_a_module_imports_only_rooms_above_its_own_in_the_list() -> None:
    assert [one for path in MODULES for one in violations(module_name(path), path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(PACKAGE).as_posix())
def test_the_sign_of_a_room_names_every_module_that_is_there_and_no_other(room: Path) -> None:
    there = {f"{p.name}/" if p.is_dir() else p.name for p in room.iterdir() if p.suffix == ".py" or p in ROOMS}
    there -= {"__init__.py", "__main__.py"}
    named = listed(docstring(room / "__init__.py"))
    assert set(named) == there
    assert len(named) == len(there), "a module is listed twice"


TEXTS = sorted([*MODULES, *(ROOT / "sql").rglob("*.sql"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"])


def test_a_module_that_a_text_names_exists() -> None:
    """As ``lake/raw.py``: from the package, from the top of the repository, or beside the module that names it."""
    assert {path: names for path in TEXTS if (names := missing(path))} == {}


def missing(path: Path) -> list[str]:
    """The modules that a text names and that are not there."""
    named = re.findall(r"`((?:[\w*]+/)*[\w*]+\.py)`", path.read_text(encoding="utf-8"))
    bases = (path.parent, *(p for p in path.parents if p.is_relative_to(PACKAGE)), PACKAGE, ROOT)
    return [name for name in named if not any(next(base.glob(name), None) for base in bases)]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("venues.http", "from echelon_pipeline.lake import lake"),
        ("venues.http", "def f():\n    import echelon_pipeline.ingest.derive"),
        ("venues.kalshi.client", "from echelon_pipeline.venues.polymarket import client"),
        ("lake.raw", "from echelon_pipeline.venues.http import VenueHttp"),
        ("lake.raw", "from echelon_pipeline.venues import http"),
        ("books.machine", "from echelon_pipeline.books.fast.kernel import Kernel"),
        ("ingest.derive", "import dagster as dg"),
        ("ingest.derive", "from dagster_postgres import x"),
        ("ingest.derive", "from echelon_pipeline.sandbox.server.options import SandboxOptions"),
        ("sandbox.server.app", "from echelon_pipeline.lake.lake import Lake"),
        ("tables.schema", "from echelon_pipeline.domain import scaled"),
        ("domain.scaled", "from . import trades"),
        ("settings.urls", "from echelon_pipeline.cli import app"),
        ("defs.jobs", "from echelon_pipeline.definitions import defs"),
    ],
)
def test_the_rules_find_what_they_forbid(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("defs.jobs", "import dagster as dg"),
        ("lake.raw", "from echelon_pipeline.venues.page import Page"),
        ("lake.raw", "from echelon_pipeline.venues import page"),
        ("streams.replayer", "from echelon_pipeline.books.fast.kernel import Kernel"),
        ("ingest.derive", "from echelon_pipeline import __version__"),
        ("cli", "from echelon_pipeline.sandbox.server.run import run"),
    ],
)
def test_the_rules_let_pass_what_they_allow(module: str, source: str) -> None:
    assert violations(module, source) == []
