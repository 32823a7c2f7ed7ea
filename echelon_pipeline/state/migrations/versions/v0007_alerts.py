"""Alerts that were raised and sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision, down_revision = "0007", "0006"


def upgrade(op: Operations) -> None:
    """A table without rows."""
    op.create_table(
        "alerts",
        sa.Column("key", sa.String(400), primary_key=True),
        sa.Column("destination", sa.String(40), primary_key=True),
        sa.Column("title", sa.String(400), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("last_at", sa.Double, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.Double),
        sa.Column("due_at", sa.Double),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
    )


def downgrade(op: Operations) -> None:
    """Alerts that wait are lost."""
    op.drop_table("alerts")
