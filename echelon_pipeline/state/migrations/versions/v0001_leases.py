"""Leases, and which publications were made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision, down_revision = "0001", None


def upgrade(op: Operations) -> None:
    """From an empty database."""
    op.create_table("migrations", sa.Column("version", sa.Integer, primary_key=True), if_not_exists=True)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
    )
    op.create_table(
        "publications",
        sa.Column("path", sa.String(1000), primary_key=True),
        sa.Column("built_at", sa.Double, nullable=False),
        sa.Column("versions", sa.Text, nullable=False),
    )
    op.execute("INSERT INTO migrations VALUES (1)")


def downgrade(op: Operations) -> None:
    """To an empty database."""
    for name in ("publications", "leases", "migrations"):
        op.drop_table(name)
