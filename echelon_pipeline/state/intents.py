"""Which instruments a listener watches from when to when, changed as sets.

Belongs here: the statements. What a listener may watch is decided in ``listeners.py``. None of these reads more of the
history than what lasts: a partial index holds exactly that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from echelon_pipeline.state.statements import insert, texts
from echelon_pipeline.state.tables import INTENTS, RECORD

_T = INTENTS.c
_LASTS = _T.to_at.is_(None)


def counts(connection: sa.Connection) -> dict[str, int]:
    """By listener, how many instruments it watches now."""
    query = sa.select(_T.listener, sa.func.count().label("watched")).where(_LASTS).group_by(_T.listener)
    return {row.listener: row.watched for row in connection.execute(query)}


def not_watched_by_others(connection: sa.Connection, listener: str, wanted: Iterable[str]) -> set[str]:
    """Those of the instruments that no other listener watches now. What is recorded by hand does not count."""
    names = texts(wanted, "wanted")
    others = sa.select(sa.literal(1)).where(
        _T.instrument_id == names.c.value, _LASTS, _T.listener != listener, _T.listener != RECORD
    )
    return set(connection.execute(sa.select(names.c.value).where(~others.exists())).scalars())


def declare(connection: sa.Connection, listener: str, wanted: Collection[str], at: int) -> None:
    """From an instant on (microseconds since 1970) a listener watches these and nothing else."""
    names = texts(wanted, "wanted")
    is_own = sa.and_(_T.listener == listener, _LASTS)
    # Two changes within a microsecond, or a clock that stepped back: an interval never ends before it begins.
    ends = sa.case((_T.from_at > at, _T.from_at), else_=at)
    dropped = _T.instrument_id.not_in(sa.select(names.c.value))
    connection.execute(sa.update(INTENTS).where(is_own, dropped).values(to_at=ends))
    lasting = sa.select(sa.literal(1)).where(is_own, _T.instrument_id == names.c.value)
    begun = sa.select(sa.literal(listener, sa.Text), names.c.value, sa.literal(at, sa.BigInteger), sa.null()).where(
        ~lasting.exists()
    )
    statement = insert(connection, INTENTS).from_select(["listener", "instrument_id", "from_at", "to_at"], begun)
    # What ended at this very instant goes on.
    key = [column.name for column in INTENTS.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_={"to_at": None}))
