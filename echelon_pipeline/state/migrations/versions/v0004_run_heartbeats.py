"""When each run's process last said that it lives."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision, down_revision = "0004", "0003"


def upgrade(op: Operations) -> None:
    """One table more."""
    op.create_table(
        "run_heartbeats",
        sa.Column("run_id", sa.String(200), primary_key=True),
        sa.Column("host", sa.String(400), nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("beat_at", sa.Double, nullable=False),
    )
    op.execute("INSERT INTO migrations VALUES (4)")


def downgrade(op: Operations) -> None:
    """Without heartbeats."""
    op.drop_table("run_heartbeats")
    op.execute("DELETE FROM migrations WHERE version = 4")
