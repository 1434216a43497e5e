"""Chats.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of chats."""
    op.create_table(
        "flightwire_chats",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at_us", sa.BigInteger, nullable=False),
        sa.Column("updated_at_us", sa.BigInteger, nullable=False),
    )
    op.create_index("flightwire_chats_by_time", "flightwire_chats", ["owner", "updated_at_us"])


def downgrade() -> None:
    """Drop the table of chats, and every chat with it."""
    op.drop_index("flightwire_chats_by_time", "flightwire_chats")
    op.drop_table("flightwire_chats")
