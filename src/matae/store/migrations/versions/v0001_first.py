"""The first version of the study database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from matae.store.migrations.guards import guard

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Table: what identifies a row, and what its row belongs to and may go with.
_NEVER_CHANGED = {
    "audit": (["number"], ""),
    "landmarks": (["cine_id frame revision"], "cine"),
    "marks": (["cine_id revision"], "cine"),
    "masks": (["id", "cine_id sha256"], "cine"),
    "release_frames": (["release_id cine_id frame"], "cine"),
    "revisions": (["id", "cine_id frame number"], "cine"),
    "splits": (["subject_id"], "subject"),
}


def upgrade() -> None:
    """Make the tables, and the triggers that keep what must stay."""
    _make_tables()
    for table, (keys, owner) in _NEVER_CHANGED.items():
        guard(table, keys, owner)


def _make_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("number", _KEY, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("cine", sa.String(length=32), nullable=False),
        sa.Column("rater", sa.String(length=32), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_sequence"), "audit", ["sequence"], unique=False)
    op.create_table(
        "raters",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raters")),
        sa.UniqueConstraint("code", name=op.f("uq_raters_code")),
        sa.UniqueConstraint("name", name=op.f("uq_raters_name")),
    )
    op.create_table(
        "releases",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
        sa.UniqueConstraint("name", "number", name=op.f("uq_releases_name_number")),
    )
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("audit_head", sa.String(length=64), nullable=False),
        sa.Column("audit_count", sa.BigInteger(), nullable=False),
        sa.Column("split_seed", sa.BigInteger(), nullable=True),
        sa.Column("split_shares", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=40), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_study_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
    )
    op.create_table(
        "subjects",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("pseudonym", sa.String(length=200), nullable=False),
        sa.Column("added_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subjects")),
        sa.UniqueConstraint("code", name=op.f("uq_subjects_code")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_subjects_pseudonym")),
    )
    op.create_table(
        "cines",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("subject_id", _KEY, nullable=True),
        sa.Column("stem", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("n_frames", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("spacing_y", sa.Double(), nullable=True),
        sa.Column("spacing_x", sa.Double(), nullable=True),
        sa.Column("frame_times", sa.LargeBinary(), nullable=True),
        sa.Column("view", sa.String(length=40), nullable=True),
        sa.Column("heart_rate", sa.Double(), nullable=True),
        sa.Column("quality", sa.String(length=40), nullable=True),
        sa.Column("ed_frame", sa.Integer(), nullable=True),
        sa.Column("es_frame", sa.Integer(), nullable=True),
        sa.Column("added_at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_cines_subject_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cines")),
        sa.UniqueConstraint("code", name=op.f("uq_cines_code")),
        sa.UniqueConstraint("content_id", name=op.f("uq_cines_content_id")),
    )
    op.create_index(op.f("ix_cines_path"), "cines", ["path"], unique=False)
    op.create_index(op.f("ix_cines_sequence"), "cines", ["sequence"], unique=False)
    op.create_index(op.f("ix_cines_subject_id"), "cines", ["subject_id"], unique=False)
    op.create_table(
        "splits",
        sa.Column("subject_id", _KEY, nullable=False),
        sa.Column("part", sa.String(length=40), nullable=False),
        sa.Column("assigned_at", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name=op.f("fk_splits_subject_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_splits")),
    )
    op.create_table(
        "flags",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("frame", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_flags_cine_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cine_id", "frame", name=op.f("pk_flags")),
    )
    op.create_table(
        "landmarks",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("frame", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("rater_id", _KEY, nullable=True),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_landmarks_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_landmarks_rater_id")),
        sa.PrimaryKeyConstraint("cine_id", "frame", "revision", name=op.f("pk_landmarks")),
    )
    op.create_index(op.f("ix_landmarks_sequence"), "landmarks", ["sequence"], unique=False)
    op.create_table(
        "marks",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ed_frame", sa.Integer(), nullable=True),
        sa.Column("es_frame", sa.Integer(), nullable=True),
        sa.Column("rater_id", _KEY, nullable=True),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_marks_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_marks_rater_id")),
        sa.PrimaryKeyConstraint("cine_id", "revision", name=op.f("pk_marks")),
    )
    op.create_index(op.f("ix_marks_sequence"), "marks", ["sequence"], unique=False)
    op.create_table(
        "masks",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("area", sa.Integer(), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_masks_cine_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_masks")),
        sa.UniqueConstraint("cine_id", "sha256", name=op.f("uq_masks_cine_id_sha256")),
    )
    op.create_table(
        "positions",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("rater", sa.String(length=200), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_positions_cine_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cine_id", "rater", name=op.f("pk_positions")),
    )
    op.create_table(
        "release_frames",
        sa.Column("release_id", _KEY, nullable=False),
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("frame", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_release_frames_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["release_id"], ["releases.id"], name=op.f("fk_release_frames_release_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("release_id", "cine_id", "frame", name=op.f("pk_release_frames")),
    )
    op.create_index(op.f("ix_release_frames_cine_id"), "release_frames", ["cine_id"], unique=False)
    op.create_table(
        "labels",
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("frame", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("mask_id", _KEY, nullable=True),
        sa.Column("area", sa.Integer(), nullable=False),
        sa.Column("original", sa.Integer(), nullable=True),
        sa.Column("newest", sa.Integer(), nullable=True),
        sa.Column("original_mask_id", _KEY, nullable=True),
        sa.Column("newest_mask_id", _KEY, nullable=True),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("width", sa.String(length=16), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("rater_id", _KEY, nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.String(length=40), nullable=False),
        sa.CheckConstraint("status IN ('machine', 'edited', 'accepted', 'rejected')", name=op.f("ck_labels_status")),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_labels_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["mask_id"], ["masks.id"], name=op.f("fk_labels_mask_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_labels_rater_id")),
        sa.PrimaryKeyConstraint("cine_id", "frame", name=op.f("pk_labels")),
    )
    op.create_index("ix_labels_cine_id_status_seconds", "labels", ["cine_id", "status", "seconds"], unique=False)
    op.create_index("ix_labels_status_cine_id_frame", "labels", ["status", "cine_id", "frame"], unique=False)
    op.create_index(op.f("ix_labels_mask_id"), "labels", ["mask_id"], unique=False)
    op.create_table(
        "revisions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("cine_id", _KEY, nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("mask_id", _KEY, nullable=True),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("width", sa.String(length=16), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("rater_id", _KEY, nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("note", sa.String(length=80), nullable=False),
        sa.Column("at", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.CheckConstraint("kind IN ('machine', 'person', 'status', 'conflict')", name=op.f("ck_revisions_kind")),
        sa.CheckConstraint("status IN ('machine', 'edited', 'accepted', 'rejected')", name=op.f("ck_revisions_status")),
        sa.ForeignKeyConstraint(["cine_id"], ["cines.id"], name=op.f("fk_revisions_cine_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["mask_id"], ["masks.id"], name=op.f("fk_revisions_mask_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("fk_revisions_rater_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revisions")),
        sa.UniqueConstraint("cine_id", "frame", "number", name=op.f("uq_revisions_cine_id_frame_number")),
    )
    op.create_index(op.f("ix_revisions_mask_id"), "revisions", ["mask_id"], unique=False)
    op.create_index(op.f("ix_revisions_sequence"), "revisions", ["sequence"], unique=False)
