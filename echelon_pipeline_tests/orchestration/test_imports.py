"""Who may import whom: the rooms of the package, read from the source.

Belongs here: rules about imports. What modules contain is ``unit/test_house.py``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import echelon_pipeline

PACKAGE = Path(echelon_pipeline.__file__).parent
NAME = "echelon_pipeline"

TOP = {
    "cli",
    "commands",
    "defs",
    "definitions",
    "doctor",
    "probes",
    "home_probes",
    "store_probes",
    "stream_probes",
    "docgen",
    "answers",
    "dagster_home",
}
GROUND = {"errors", "places", "settings", "sqlfiles", "stopping", "urls", ""}  # "" is the package itself: its version
# What each room may import besides itself; the rooms at the top may import everything.
MAY_IMPORT: dict[str, set[str]] = {
    "attended": set(),
    "memory": set(),
    "ports": {"errors"},
    "same_origin": set(),
    "places": set(),
    "urls": set(),
    "errors": set(),
    "stopping": set(),
    "recorded_settings": {"errors"},
    "settings": {"errors", "places", "recorded_settings", "urls"},
    "sqlfiles": {"settings", "errors"},
    "tables": GROUND,
    "domain": GROUND | {"tables"},
    "books": {"errors", "tables", "domain"},
    "venues": GROUND | {"tables", "domain", "books"},
    "streaming": GROUND | {"tables", "domain", "books", "venues"},
    "warehouse": GROUND | {"tables", "domain", "venues"},
    "ingest": GROUND | {"tables", "domain", "books", "venues", "streaming", "warehouse"},
    "sandbox": GROUND | {"attended", "ports", "same_origin", "tables", "domain", "venues", "warehouse"},
}
# The warehouse runs parsers of any venue, so it knows their value types and nothing else of them.
WAREHOUSE_SEES_OF_VENUES = {"venues.kinds", "venues.page"}
DAGSTER_ROOMS = {"cli", "commands", "defs", "definitions"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    """``venues.http`` for ``echelon_pipeline/venues/http.py``; empty for the package itself."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


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
            found += [f"{where} {problem}" for problem in _own(room, name.removeprefix(NAME).removeprefix("."))]
    return found


def _own(room: str, target: str) -> Iterator[str]:
    other = target.split(".", maxsplit=1)[0]
    other = other if other in MAY_IMPORT or other in TOP else ""
    if room in TOP or other == room or room == "":
        return
    if other not in MAY_IMPORT[room]:
        yield f"imports {target}: {room} lies below {other}"
    elif room == "warehouse" and other == "venues" and ".".join(target.split(".")[:2]) not in WAREHOUSE_SEES_OF_VENUES:
        yield f"imports {target}: the warehouse sees only {sorted(WAREHOUSE_SEES_OF_VENUES)} of the venues"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: module_name(path) or NAME)
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    assert violations(module_name(path), path.read_text(encoding="utf-8")) == []


def test_every_module_is_in_a_room() -> None:
    rooms = {module_name(path).split(".", maxsplit=1)[0] for path in MODULES}
    assert rooms <= TOP | set(MAY_IMPORT) | {""}


def test_rooms_do_not_import_in_circles() -> None:
    """What a room may import lies strictly below it, all the way down."""
    settled = {""}
    pending = dict(MAY_IMPORT)
    while pending:
        ready = {room for room, below in pending.items() if below <= settled}
        assert ready, f"circle among {sorted(pending)}"
        settled |= ready
        pending = {room: below for room, below in pending.items() if room not in ready}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("venues.http", "from echelon_pipeline.warehouse import lake"),
        ("venues.http", "def f():\n    import echelon_pipeline.ingest.derive"),
        ("warehouse.parse", "from echelon_pipeline.venues.http import VenueHttp"),
        ("warehouse.parse", "from echelon_pipeline.venues import http"),
        ("ingest.session", "import dagster as dg"),
        ("ingest.session", "from dagster_postgres import x"),
        ("ingest.session", "from echelon_pipeline.sandbox.server.options import SandboxOptions"),
        ("tables.core", "from echelon_pipeline.domain import prices"),
        ("domain.prices", "from . import trades"),
        ("settings", "from echelon_pipeline.cli import app"),
    ],
)
def test_the_rules_find_what_they_forbid(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("defs.jobs", "import dagster as dg"),
        ("warehouse.parse", "from echelon_pipeline.venues.kinds import PayloadKind"),
        ("warehouse.parse", "from echelon_pipeline.venues import kinds"),
        ("ingest.session", "from echelon_pipeline import __version__"),
        ("cli", "from echelon_pipeline.sandbox.server.app import run"),
    ],
)
def test_the_rules_let_pass_what_they_allow(module: str, source: str) -> None:
    assert violations(module, source) == []
