"""Files that are shipped with the package.

Belongs here: finding them, in a checkout as in an installed wheel.
"""

from __future__ import annotations

from pathlib import Path


def project_file(*parts: str) -> Path:
    """A file of ``sql/`` or the top level, from the repository or from inside the wheel."""
    package = Path(__file__).parents[1]
    for root in (package.parent, package / "_deploy"):
        candidate = root.joinpath(*parts)
        if candidate.exists():
            return candidate
    if parts[0] == "sql":
        return (package / "_sql").joinpath(*parts[1:])
    return package.parent.joinpath(*parts)
