"""Listeners that record the account's own channels, and those whose quotes are wanted in tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision, down_revision = "0003", "0002"


def upgrade(op: Operations) -> None:
    """Listeners of before do neither."""
    for name in ("own", "quotes"):
        op.add_column("listeners", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("INSERT INTO migrations VALUES (3)")


def downgrade(op: Operations) -> None:
    """Without both columns."""
    for name in ("quotes", "own"):
        op.drop_column("listeners", name)
    op.execute("DELETE FROM migrations WHERE version = 3")
