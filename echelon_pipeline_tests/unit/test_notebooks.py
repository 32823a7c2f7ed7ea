"""The notebooks of the docs: one source, and every cell runs on a published file."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from echelon_pipeline.ops.notebooks import notebook, pictures
from echelon_pipeline.settings import Settings, project_file

pytestmark = pytest.mark.xdist_group("reader")

DOCS = project_file("docs")
SOURCE = DOCS / "notebooks" / "first_day.py"
PICTURES = {"fed_decision", "order_book", "ladder", "volume", "calibration"}
LARGEST = 100_000


@pytest.fixture
def published(reader_home: Settings) -> Path:
    return reader_home.published_file


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, published: Path) -> None:
    monkeypatch.setenv("ECHELON_PUBLISHED", str(published))
    monkeypatch.setenv("MPLBACKEND", "agg")


def committed() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(SOURCE.with_suffix(".ipynb").read_text(encoding="utf-8"))
    return made


def test_both_notebooks_have_the_same_cells() -> None:
    pytest.importorskip("nbformat")
    made = [(cell["cell_type"], cell["source"], cell["metadata"]) for cell in notebook(SOURCE)["cells"]]
    kept = [(cell["cell_type"], cell["source"], cell["metadata"]) for cell in committed()["cells"]]
    assert kept == made, "make demo notebooks writes the Jupyter notebook again"


def test_every_cell_of_the_jupyter_notebook_runs() -> None:
    cells = ["".join(cell["source"]) for cell in committed()["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    with plt.rc_context():
        for cell in cells:
            exec(compile(ast.parse(cell), "cell", "exec"), names)  # noqa: S102
    figures = [value for value in names.values() if isinstance(value, Figure)]
    plt.close("all")
    names["wh"].close()
    assert len(figures) == len(PICTURES)
    assert "marimo" not in "".join(cells)


def test_every_cell_of_the_marimo_notebook_runs() -> None:
    spec = importlib.util.spec_from_file_location("first_day", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with plt.rc_context():
        outputs, defined = module.app.run()
    plt.close("all")
    defined["wh"].close()
    assert len(outputs) == len(committed()["cells"]) + 1  # a cell imports marimo


def test_the_notebook_shows_its_pictures_and_they_are_small() -> None:
    shown = pictures(committed())
    assert set(shown) == PICTURES
    for name, picture in shown.items():
        assert (DOCS / "images" / f"{name}.png").read_bytes() == picture
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < LARGEST
    assert {path.stem for path in (DOCS / "images").glob("*.png")} >= PICTURES


@pytest.mark.slow
def test_the_notebook_is_written_with_outputs_of_a_published_file(published: Path) -> None:
    pytest.importorskip("nbformat")
    made = notebook(SOURCE, published)
    assert set(pictures(made)) == PICTURES
    errors = [
        output for cell in made["cells"] for output in cell.get("outputs", ()) if output["output_type"] == "error"
    ]
    assert errors == []
