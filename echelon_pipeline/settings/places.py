"""Validates paths in settings: folders and files must work everywhere.

Belongs here: the form of a path. Paths are used in URLs (SQLAlchemy, Delta), patterns (DuckDB) and SQL. Some characters
have a special meaning there that quoting does not remove: with them, state could be stored in a folder that other homes
share, or files of another home could be read.
"""

from __future__ import annotations

import re
from pathlib import Path

_UNUSABLE = {
    "%": "URLs of databases and tables decode the characters after it",
    "?": "it starts the parameters of a database URL, and matches any character in names of data files",
    "*": "it matches any characters in names of data files",
    "[": "it starts a set of characters in names of data files",
    "]": "it ends a set of characters in names of data files",
    "\\": "tables treat it as a separator of folders",
}


def usable_path(path: str | Path) -> Path:
    """The absolute path; links are not resolved. Raises ValueError for an unusable character or name."""
    absolute = Path(path).absolute()
    text = str(absolute)
    for character, reason in _UNUSABLE.items():
        if character in text:
            raise ValueError(f"the path has a {character!r}: {reason}. {_ADVICE}")
    if not text.isprintable() or not _encodes(text):
        raise ValueError(f"the path has a character that cannot be printed. {_ADVICE}")
    for part in absolute.parts:
        if re.match(r"\w+=", part):
            raise ValueError(f"a folder's name starts with name=, which marks a partition column. {_ADVICE}")
    return absolute


_ADVICE = "Use another folder, or a link with another name that points to it"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8
        return False
    return True
