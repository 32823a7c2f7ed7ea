"""Which publications were made: what each was made from, and what its file looked like.

Belongs here: noting and reading them. Making one is ``publish/publish.py``'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from echelon_pipeline.state.database import State
from echelon_pipeline.state.statements import put
from echelon_pipeline.state.tables import PUBLICATIONS

_T = PUBLICATIONS.c


@dataclass(frozen=True)
class PublicationRow:
    """A publication as recorded: the kept copy, when it was built, lake version by table, its number, and what its
    file looked like when it was published."""

    path: Path
    built_at: datetime
    versions: dict[str, int | None]
    sequence: int = 0
    fingerprint: str = ""


def record_publication(
    state: State,
    path: Path,
    built_at: datetime,
    versions: Mapping[str, int | None],
    *,
    sequence: int = 0,
    fingerprint: str = "",
) -> None:
    """Notes a publication; rows of copies beside it that no longer exist are dropped. Another machine's folder may not
    be seen from here. Raises DatabaseUnavailable."""
    row = {
        "path": str(path),
        "built_at": built_at.timestamp(),
        "versions": json.dumps(dict(versions)),
        "sequence": sequence,
        "fingerprint": fingerprint,
    }
    with state.begin() as connection:
        known = connection.execute(sa.select(_T.path)).scalars().all()
        gone = [name for name in known if Path(name).parent == path.parent and not Path(name).exists()]
        connection.execute(sa.delete(PUBLICATIONS).where(_T.path.in_(gone)))
        put(connection, PUBLICATIONS, row)


def publications(state: State) -> list[PublicationRow]:
    """Recorded publications, newest first. Raises DatabaseUnavailable."""
    with state.read() as connection:
        rows = connection.execute(sa.select(PUBLICATIONS).order_by(_T.sequence.desc(), _T.path.desc())).all()
    return [
        PublicationRow(
            Path(r.path),
            datetime.fromtimestamp(r.built_at, UTC),
            json.loads(r.versions),
            int(r.sequence),
            r.fingerprint,
        )
        for r in rows
    ]
