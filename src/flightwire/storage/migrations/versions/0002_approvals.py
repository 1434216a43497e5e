"""Decisions on tool calls that were used.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of used decisions."""
    op.create_table(
        "flightwire_approvals",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("claim", sa.Text, nullable=False),
        sa.Column("expires_at_us", sa.BigInteger, nullable=False),
    )
    op.create_index("flightwire_approvals_by_time", "flightwire_approvals", ["expires_at_us"])


def downgrade() -> None:
    """Drop the table of used decisions: those that have not expired could be used again."""
    op.drop_index("flightwire_approvals_by_time", "flightwire_approvals")
    op.drop_table("flightwire_approvals")
