"""Which process holds a lease, and at most one listener per instrument.

Row 6 of ``migrations`` stays the last one there: code from before this revision refuses the database because of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision, down_revision = "0006", "0005"

_HOLDER = (
    ("host", sa.String(400), ""),
    ("boot", sa.String(200), ""),
    ("pid", sa.BigInteger(), "0"),
    ("started", sa.String(40), ""),
)
# Of two listeners that watch one instrument, the first by name goes on.
_END_SECOND_WATCHERS = """
    UPDATE listener_intents SET to_at = from_at
    WHERE to_at IS NULL AND listener <> 'record' AND EXISTS (
        SELECT 1 FROM listener_intents AS other
        WHERE other.to_at IS NULL AND other.listener <> 'record'
            AND other.instrument_id = listener_intents.instrument_id AND other.listener < listener_intents.listener)
"""


def upgrade(op: Operations) -> None:
    """Leases of before name no process: they end when they expire."""
    with op.batch_alter_table("leases") as leases:
        leases.alter_column("name", existing_type=sa.String(200), type_=sa.String(1200), existing_nullable=False)
        for name, kind, default in _HOLDER:
            leases.add_column(sa.Column(name, kind, nullable=False, server_default=default))
    op.execute(_END_SECOND_WATCHERS)
    watched = sa.text("to_at IS NULL AND listener <> 'record'")
    op.create_index(
        "listener_intents_one_watcher",
        "listener_intents",
        ["instrument_id"],
        unique=True,
        sqlite_where=watched,
        postgresql_where=watched,
    )
    op.execute("INSERT INTO migrations VALUES (6)")


def downgrade(op: Operations) -> None:
    """Leases with longer names are dropped: only code of this revision takes them."""
    op.drop_index("listener_intents_one_watcher", "listener_intents")
    op.execute("DELETE FROM leases WHERE length(name) > 200")
    with op.batch_alter_table("leases") as leases:
        for name, _, _ in reversed(_HOLDER):
            leases.drop_column(name)
        leases.alter_column("name", existing_type=sa.String(1200), type_=sa.String(200), existing_nullable=False)
    op.execute("DELETE FROM migrations WHERE version = 6")
