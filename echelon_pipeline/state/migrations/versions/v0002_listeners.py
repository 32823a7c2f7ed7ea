"""Listeners, what each watched and when, and which file they were read from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision, down_revision = "0002", "0001"


def upgrade(op: Operations) -> None:
    """Three tables more."""
    op.create_table(
        "listeners",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("venue", sa.String(40), nullable=False),
        sa.Column("filters", sa.Text, nullable=False),
        sa.Column("discover_every", sa.Double, nullable=False),
        sa.Column("emit_every", sa.Double, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "listener_intents",
        sa.Column("listener", sa.String(200), primary_key=True),
        sa.Column("instrument_id", sa.String(400), primary_key=True),
        sa.Column("from_at", sa.BigInteger, primary_key=True),
        sa.Column("to_at", sa.BigInteger),
    )
    still = sa.text("to_at IS NULL")
    op.create_index(
        "listener_intents_that_last",
        "listener_intents",
        ["listener", "instrument_id"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
    op.create_table(
        "listener_seeds",
        sa.Column("path", sa.String(1000), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("loaded_at", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO migrations VALUES (2)")


def downgrade(op: Operations) -> None:
    """Without listeners."""
    for name in ("listener_seeds", "listener_intents", "listeners"):
        op.drop_table(name)
    op.execute("DELETE FROM migrations WHERE version = 2")
