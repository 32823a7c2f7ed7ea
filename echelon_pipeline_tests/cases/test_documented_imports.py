"""The examples of docs/importing.md: each file, its command and its output."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echelon_pipeline.cli import app
from echelon_pipeline.ingest.mappings import TARGETS
from echelon_pipeline.ingest.presets import all_presets
from echelon_pipeline.settings import project_file

PAGE = project_file("docs", "importing.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Example:
    """One example of the page."""

    name: str
    content: str
    command: str
    output: str


BLOCK = r"```{}\n(.*?)```\n\s*"
EXAMPLES = [
    Example(*found.groups())
    for found in re.finditer(
        r"File `([^`]+)`:\n\s*" + BLOCK.format("(?:csv|json)") + BLOCK.format("sh") + BLOCK.format("text"),
        PAGE,
        re.DOTALL,
    )
]


def test_every_example_of_the_page_is_run() -> None:
    assert len(EXAMPLES) == PAGE.count("\nFile `") == PAGE.count("```sh") > 4


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_says_what_the_command_says(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHELON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ECHELON_MIN_FREE_MB", "0")
    monkeypatch.chdir(tmp_path)
    Path(example.name).write_text(example.content, encoding="utf-8")
    arguments = shlex.split(example.command.replace("\\\n", " "))
    assert arguments[0] == "echelon"
    result = CliRunner().invoke(app, arguments[1:])
    assert result.exit_code == (1 if " 0 in the lake" in example.output else 0), result.output
    assert re.sub(r", \d+\.\d s$", "", result.stdout, flags=re.MULTILINE) == example.output


def test_the_page_has_every_field_and_every_preset() -> None:
    fields, presets = PAGE.split("\n## Fields\n")[1].split("\n## Presets\n")
    for name, target in TARGETS.items():
        (row,) = (line for line in fields.splitlines() if line.startswith(f"| `{name}` "))
        assert target.accepted() - {"fault"} <= set(re.findall(r"\w+", row))
    for preset in all_presets():
        (row,) = (line for line in presets.splitlines() if line.startswith(f"| `{preset.name}` | `{preset.table}` |"))
        assert all(f"`{name}`" in row for names in preset.columns for name in names)
