"""Reads the statements in ``sql/``: one statement per file, a comment header, ``$name`` parameters.

Belongs here: finding and reading SQL files and their headers. Other rooms execute them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from echelon_pipeline.settings import project_file

_HEADER = re.compile(r"^--\s*(\w+):\s*(.*)$")
_COLUMN = re.compile(r"^-- column (\w+): (.*)$", re.MULTILINE)
_ARGUMENT = re.compile(r"^-- argument (\w+) (\w+): (.*)$", re.MULTILINE)
_ABOUT = re.compile(r"^-- about: (.*(?:\n--   .*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """One SQL file. ``name``: its path below ``sql/`` without the extension."""

    name: str
    text: str

    @property
    def header(self) -> dict[str, str]:
        """``-- key: value`` lines at the top: grain, inputs, owner and others."""
        header: dict[str, str] = {}
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            match = _HEADER.match(line)
            if match:
                header[match.group(1)] = match.group(2).strip()
        return header

    @property
    def columns(self) -> dict[str, str]:
        """``-- column name: text`` lines: descriptions of the columns that a view adds to those of the registry."""
        return dict(_COLUMN.findall(self.text))

    @property
    def arguments(self) -> dict[str, tuple[str, str]]:
        """``-- argument name TYPE: text`` lines: types and descriptions of the arguments of a function."""
        return {name: (kind, about) for name, kind, about in _ARGUMENT.findall(self.text)}

    @property
    def about(self) -> str:
        """The ``about`` line with its continuation lines, which are indented."""
        found = _ABOUT.search(self.text)
        return "" if found is None else re.sub(r"\s*\n--\s+", " ", found.group(1)).strip()

    @property
    def version(self) -> str:
        """Hash of the text: the ``code_version`` of the table that it computes."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


# Folders of statements outside of ``sql/``, by the first part of their names: a venue may bring its own.
FOLDERS: dict[str, Path] = {}


@cache
def statement(name: str) -> Statement:
    """The statement ``sql/<name>.sql``, or that of a folder of ``FOLDERS``; FileNotFoundError names the file."""
    return Statement(name, path_of(name).read_text(encoding="utf-8"))


def path_of(name: str) -> Path:
    """The file of a statement."""
    head, *parts = f"{name}.sql".split("/")
    return FOLDERS[head].joinpath(*parts) if head in FOLDERS else project_file("sql", head, *parts)


@cache
def statements(folder: str) -> tuple[Statement, ...]:
    """Every statement below ``sql/<folder>``, by name."""
    root = project_file("sql", *folder.split("/"))
    return tuple(
        statement(f"{folder}/{path.relative_to(root).with_suffix('').as_posix()}")
        for path in sorted(root.rglob("*.sql"))
    )
