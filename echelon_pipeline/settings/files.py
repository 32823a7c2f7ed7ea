"""Finds files that are shipped with the package.

Belongs here: finding them in a checkout and in an installed wheel.
"""

from __future__ import annotations

from pathlib import Path


def project_file(*parts: str) -> Path:
    """The path of a file in ``sql/`` or at the top level, in the repository or inside the wheel."""
    package = Path(__file__).parents[1]
    for root in (package.parent, package / "_deploy"):
        candidate = root.joinpath(*parts)
        if candidate.exists():
            return candidate
    if parts[0] == "sql":
        return (package / "_sql").joinpath(*parts[1:])
    return package.parent.joinpath(*parts)
