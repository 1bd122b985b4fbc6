"""What was refused because somebody else was faster stays, for landmarks, marks and overrides too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say of each version whether it counts; all of those before do."""
    for table in ("landmarks", "marks", "overrides"):
        op.add_column(table, sa.Column("shown", sa.Boolean(), nullable=False, server_default=sa.true()))
