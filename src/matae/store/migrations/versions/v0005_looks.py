"""What is kept of frames so that the next one to correct can be chosen without opening a clip."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table. It is not append-only: all of it can be made again from the clips."""
    op.create_table(
        "looks",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("frame", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("expected_dice", sa.Double(), nullable=True),
        sa.Column("disagreement", sa.Double(), nullable=True),
        sa.Column("mask_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_looks_cine_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cine_id", "frame", name=op.f("pk_looks")),
    )
