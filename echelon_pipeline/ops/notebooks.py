"""Writes docs/notebooks/first_day.ipynb and the pictures of the docs from the marimo notebook and a published file.

Run it as ``python -m echelon_pipeline.ops.notebooks <home or file>``; ``make notebooks`` does, on the demo's home.
Belongs here: running the notebook, and what a Jupyter notebook leaves out. The cells are in
``docs/notebooks/first_day.py``: both notebooks have the same ones.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from echelon_pipeline.settings import project_file

SOURCE = "first_day.py"
# Colours of a picture: a third of the size, and no difference to the eye.
COLOURS = 64
_PNG = "image/png"


def notebook(source: Path, published: Path | None = None) -> dict[str, Any]:
    """The Jupyter notebook of a marimo notebook: its cells, with the outputs on a published file if one is given."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "notebook.ipynb"
        command = [sys.executable, "-m", "marimo", "--quiet", "export", "ipynb", str(source), "-o", str(target)]
        environment = {**os.environ, "MPLBACKEND": "agg"}
        if published is not None:
            command.append("--include-outputs")
            environment["ECHELON_PUBLISHED"] = str(published.absolute())
        subprocess.run(command, check=True, env=environment)
        made: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    cells = [_cell(cell) for cell in made["cells"] if "".join(cell["source"]) != "import marimo as mo"]
    return {**made, "cells": cells, "metadata": {"language_info": {"name": "python"}}}


def pictures(made: dict[str, Any]) -> dict[str, bytes]:
    """The PNG of every named cell."""
    shown = ((cell["metadata"].get("name"), o["data"]) for cell in made["cells"] for o in cell.get("outputs", ()))
    return {name: base64.b64decode(data[_PNG]) for name, data in shown if name and _PNG in data}


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell without what only marimo reads, and with small pictures."""
    name = cell["metadata"].get("marimo", {}).get("name")
    for output in cell.get("outputs", ()):
        if _PNG in output.get("data", {}):
            output["data"][_PNG] = _smaller(output["data"][_PNG])
    return {**cell, "metadata": {"name": name} if name else {}}


def _smaller(picture: str) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        reduced = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the notebook and the pictures from the named home or file."""
    (published,) = argv if argv is not None else sys.argv[1:]
    docs = project_file("docs")
    made = notebook(docs / "notebooks" / SOURCE, Path(published))
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    (docs / "notebooks" / SOURCE).with_suffix(".ipynb").write_text(text, encoding="utf-8")
    (docs / "images").mkdir(exist_ok=True)
    for name, picture in pictures(made).items():
        (docs / "images" / f"{name}.png").write_bytes(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
