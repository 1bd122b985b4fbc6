"""Where a cine's subject comes from, what people set of a cine, and which models know it."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

from matae.store.migrations.guards import guard

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_GUESSED = re.compile(r"P-[0-9a-f]{6}")
"""The pseudonym that version 0001 made of a file's name, until somebody gave another."""


def upgrade() -> None:
    """Add the tables, and mark what was guessed from the name of a file."""
    op.add_column("cines", sa.Column("subject_source", sa.String(length=16), nullable=True))
    op.add_column("cines", sa.Column("stated_subject", sa.String(length=200), nullable=True))
    op.create_index(op.f("ix_cines_stated_subject"), "cines", ["stated_subject"], unique=False)
    _mark_subjects()
    op.create_table(
        "overrides",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("rater_id", _KEY, nullable=True),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_overrides_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_overrides_rater_id")),
        sa.PrimaryKeyConstraint("cine_id", "name", "revision", name=op.f("pk_overrides")),
    )
    op.create_index(op.f("ix_overrides_sequence"), "overrides", ["sequence"], unique=False)
    op.create_table(
        "model_uses",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.CheckConstraint("role IN ('trained', 'judged')", name=op.f("ck_model_uses_role")),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_model_uses_cine_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cine_id", "model", "role", name=op.f("pk_model_uses")),
    )
    op.create_table(
        "folders",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("subject_id", _KEY, nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subjects.id"], name=op.f("fk_folders_subject_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_folders")),
    )
    op.create_index(op.f("ix_folders_subject_id"), "folders", ["subject_id"], unique=False)
    guard("overrides", ["cine_id name revision"], "cine")
    guard("model_uses", ["cine_id model role"], "cine")


def _mark_subjects() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, pseudonym FROM subjects")).all()
    for subject_id, pseudonym in rows:
        source = "guessed" if _GUESSED.fullmatch(pseudonym) else "earlier"
        connection.execute(
            sa.text("UPDATE cines SET subject_source = :source WHERE subject_id = :subject"),
            {"source": source, "subject": subject_id},
        )
