"""Publications by number with what their file looked like, and tables that were rebuilt on purpose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision, down_revision = "0005", "0004"


def upgrade(op: Operations) -> None:
    """Publications of before have number 0 and no fingerprint."""
    op.add_column("publications", sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("publications", sa.Column("fingerprint", sa.String(100), nullable=False, server_default=""))
    op.create_table(
        "rebuilt_tables",
        sa.Column("lake", sa.String(1000), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("table_id", sa.String(200), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("noted_at", sa.Double, nullable=False),
    )
    op.execute("INSERT INTO migrations VALUES (5)")


def downgrade(op: Operations) -> None:
    """Without numbers, fingerprints and rebuilt tables."""
    op.drop_table("rebuilt_tables")
    for name in ("fingerprint", "sequence"):
        op.drop_column("publications", name)
    op.execute("DELETE FROM migrations WHERE version = 5")
