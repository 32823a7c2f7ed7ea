"""Brings a state database to the tables that this code knows.

Belongs here: which revision a database has, and the way from it to another one. The steps are ``migrations/versions/``.
They are applied without Alembic's global ``op`` and ``context``: Dagster uses these in the same process, and threads
would mix them up.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from echelon_pipeline.errors import NewerLake

HEAD = "0007"  # the newest revision: opening a database that has it loads no Alembic
_REVISIONS = Path(__file__).with_name("migrations")
_REVISION = sa.table("alembic_version", sa.column("version_num", sa.String))
_NUMBER = sa.table("migrations", sa.column("version", sa.Integer))
_LAST_NUMBERED = 5  # migrations were numbered by hand up to this one, which is revision 0005
_UPGRADE = "upgrade echelon-pipeline"


def revision_of(connection: sa.Connection) -> str | None:
    """The revision of a database; None where it is empty.

    Raises NewerLake where hand-numbered migrations go further than this code knows.
    """
    if sa.inspect(connection).has_table(_REVISION.name):
        found: str | None = connection.execute(sa.select(_REVISION.c.version_num)).scalar_one_or_none()
        if found is not None:
            return found
    if not sa.inspect(connection).has_table(_NUMBER.name):
        return None
    number: int = connection.execute(sa.select(sa.func.coalesce(sa.func.max(_NUMBER.c.version), 0))).scalar_one()
    if number > _LAST_NUMBERED:
        raise NewerLake(f"the state database has migration {number}, this code knows {_LAST_NUMBERED}: {_UPGRADE}")
    return f"{number:04}" if number else None


def migrate(connection: sa.Connection, target: str = HEAD) -> None:
    """Moves a database up or down to a revision, or to ``base``, in the transaction of the connection.

    Raises NewerLake where it has a revision that this code does not know.
    """
    # Imported here: it takes 0.15 s, and is needed once in the life of a database.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory(str(_REVISIONS))
    scripts = list(reversed(list(directory.walk_revisions())))  # a line without branches, oldest first
    places = {"base": 0} | {script.revision: place for place, script in enumerate(scripts, start=1)}
    current = revision_of(connection) or "base"
    if current not in places:
        raise NewerLake(f"the state database has revision {current}, this code knows up to {HEAD}: {_UPGRADE}")
    context = MigrationContext.configure(connection)
    if current != "base" and context.get_current_revision() is None:
        context.stamp(directory, current)  # hand-numbered until now
    op, here, there = Operations(context), places[current], places[target]
    for script in scripts[here:there]:
        script.module.upgrade(op)
        context.stamp(directory, script.revision)
    for place in range(here - 1, there - 1, -1):
        scripts[place].module.downgrade(op)
        context.stamp(directory, scripts[place - 1].revision if place else "base")
