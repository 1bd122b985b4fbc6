"""What was last measured in each clip, who has a clip open, and the clips that wait to be segmented."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables. None of them is append-only: a measurement can be made again, and a claim and a place end."""
    op.create_table(
        "measurements",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("ef", sa.Double(), nullable=True),
        sa.Column("ef_low", sa.Double(), nullable=True),
        sa.Column("ef_high", sa.Double(), nullable=True),
        sa.Column("doubts", sa.Text(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("edv_ml", sa.Double(), nullable=True),
        sa.Column("esv_ml", sa.Double(), nullable=True),
        sa.Column("ed_frame", sa.Integer(), nullable=True),
        sa.Column("es_frame", sa.Integer(), nullable=True),
        sa.Column("view", sa.String(length=40), nullable=True),
        sa.Column("method", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("width", sa.String(length=16), nullable=False),
        sa.Column("masks", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.BigInteger(), nullable=False),
        sa.Column("rater_id", _KEY, nullable=True),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_measurements_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_measurements_rater_id")),
        sa.PrimaryKeyConstraint("cine_id", name=op.f("pk_measurements")),
    )
    op.create_index(op.f("ix_measurements_sequence"), "measurements", ["sequence"], unique=False)
    op.create_table(
        "claims",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("rater", sa.String(length=200), nullable=False),
        sa.Column("since", sa.String(length=40), nullable=False),
        sa.Column("until", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_claims_cine_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cine_id", "session", name=op.f("pk_claims")),
    )
    op.create_table(
        "queue",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("info", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cine_id", _KEY, nullable=True),
        sa.Column("taken_by", sa.String(length=32), nullable=False),
        sa.Column("taken_until", sa.String(length=40), nullable=False),
        sa.Column("added_at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name=op.f("ck_queue_state")),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_queue_cine_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
        sa.UniqueConstraint("path", name=op.f("uq_queue_path")),
    )
    op.create_index(op.f("ix_queue_cine_id"), "queue", ["cine_id"], unique=False)
    op.create_index(op.f("ix_queue_sequence"), "queue", ["sequence"], unique=False)
    op.create_index("ix_queue_state_id", "queue", ["state", "id"], unique=False)
    op.create_index(
        "ix_labels_worklist",
        "labels",
        ["cine_id", "status", "mask_id", "frame", "rater_id", "updated_at"],
        unique=False,
    )
