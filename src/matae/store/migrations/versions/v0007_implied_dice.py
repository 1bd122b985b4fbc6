"""The Dice that a network's probabilities imply of its outline, with every proposal of which it is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Older proposals have no value for it: nobody kept one, and masks alone do not tell."""
    op.add_column("revisions", sa.Column("implied_dice", sa.Double(), nullable=True))
