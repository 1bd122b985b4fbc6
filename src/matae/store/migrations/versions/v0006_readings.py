"""Readings of several raters that do not see each other's, which of them counts, and when a clip was recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns that older rows have no value for, and the tables. Labels stay as they are."""
    op.add_column("study", sa.Column("blind", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("cines", sa.Column("recorded", sa.String(length=10), nullable=True))
    op.add_column("measurements", sa.Column("la_ml", sa.Double(), nullable=True))
    op.create_table(
        "readings",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("rater_id", _KEY, nullable=False),
        sa.Column("finished_at", sa.String(length=40), nullable=True),
        sa.Column("measured", sa.Text(), nullable=True),
        sa.Column("measured_of", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_readings_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_readings_rater_id")),
        sa.PrimaryKeyConstraint("cine_id", "rater_id", name=op.f("pk_readings")),
    )
    op.create_index(op.f("ix_readings_sequence"), "readings", ["sequence"], unique=False)
    op.create_table(
        "adjudications",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chosen_id", _KEY, nullable=False),
        sa.Column("rater_id", _KEY, nullable=True),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["chosen_id"], ["raters.id"], name=op.f("fk_adjudications_chosen_id")),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_adjudications_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_adjudications_rater_id")),
        sa.PrimaryKeyConstraint("cine_id", "revision", name=op.f("pk_adjudications")),
    )
    op.create_index(op.f("ix_adjudications_sequence"), "adjudications", ["sequence"], unique=False)
