"""Folders and files of settings: which can be used everywhere.

Belongs here: the form of a path. A path goes into URLs (SQLAlchemy, Delta), patterns (DuckDB) and SQL. Some characters
mean something there that no quoting takes away: with them, state would lie in another folder, which other homes share,
or the files of another home would be read.
"""

from __future__ import annotations

import re
from pathlib import Path

_UNUSABLE = {
    "%": "URLs of databases and tables decode what follows it",
    "?": "it begins the parameters of a database's URL, and stands for any character in names of data files",
    "*": "it stands for any characters in names of data files",
    "[": "it begins a set of characters in names of data files",
    "]": "it ends a set of characters in names of data files",
    "\\": "tables take it for a separator of folders",
}


def usable_path(path: str | Path) -> Path:
    """The path made absolute, links left as they are. Raises ValueError where a character or name cannot be used."""
    absolute = Path(path).absolute()
    text = str(absolute)
    for character, reason in _UNUSABLE.items():
        if character in text:
            raise ValueError(f"the path has a {character!r}: {reason}. {_ADVICE}")
    if not text.isprintable() or not _encodes(text):
        raise ValueError(f"the path has a character that cannot be printed. {_ADVICE}")
    for part in absolute.parts:
        if re.match(r"\w+=", part):
            raise ValueError(f"a folder's name begins like a column and its value, name=. {_ADVICE}")
    return absolute


_ADVICE = "Use another folder, or a link with another name that leads to it"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8
        return False
    return True
