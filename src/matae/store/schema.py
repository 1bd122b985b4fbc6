"""The tables.

The models say what the newest version of the database looks like; `migrations` makes it so, and a test holds the two
to each other. Times are ISO 8601 text in UTC; JSON is text, so that both databases store the same bytes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "Audit",
    "Base",
    "Cine",
    "Flag",
    "FolderSubject",
    "Label",
    "LandmarkRevision",
    "MarkRevision",
    "Mask",
    "ModelUse",
    "OverrideRevision",
    "Position",
    "Rater",
    "Release",
    "ReleaseFrame",
    "Revision",
    "Split",
    "StudyRow",
    "Subject",
]

# SQLite numbers rows by itself only in a column that is called INTEGER.
Key = BigInteger().with_variant(Integer(), "sqlite")
Digest = String(64)
Code = String(32)
Time = String(40)


def to_cine(*, primary: bool = False, index: bool = False) -> Mapped[int]:
    return mapped_column(Key, ForeignKey("cines.id", ondelete="CASCADE"), primary_key=primary, index=index)


class Base(DeclarativeBase):
    """All tables, their constraints named alike on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class StudyRow(Base):
    """The study itself: one row. Whoever writes holds it, so that transactions are numbered in the order they end."""

    __tablename__ = "study"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(Code)
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # key of the pseudonyms that leave the study
    sequence: Mapped[int] = mapped_column(BigInteger)  # of the last transaction
    audit_head: Mapped[str] = mapped_column(Digest)  # digest of the last audit entry
    audit_count: Mapped[int] = mapped_column(BigInteger)  # and its number
    split_seed: Mapped[int | None] = mapped_column(BigInteger)
    split_shares: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[str] = mapped_column(Time)
    blind: Mapped[bool] = mapped_column(server_default=false())  # raters see their own readings only


class Rater(Base):
    """Who labels, under the id they chose; the audit log knows the code only."""

    __tablename__ = "raters"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    code: Mapped[str] = mapped_column(Code, unique=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)


class Subject(Base):
    """A person, under a pseudonym; the audit log knows the code only."""

    __tablename__ = "subjects"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    code: Mapped[str] = mapped_column(Code, unique=True)
    pseudonym: Mapped[str] = mapped_column(String(200), unique=True)
    added_at: Mapped[str] = mapped_column(Time)


class Split(Base):
    """The side of a subject, drawn once: the database refuses to change it."""

    __tablename__ = "splits"

    subject_id: Mapped[int] = mapped_column(Key, ForeignKey("subjects.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[str] = mapped_column(String(40))
    assigned_at: Mapped[str] = mapped_column(Time)


class Cine(Base):
    """A cine: the facts labels need, never its pixels."""

    __tablename__ = "cines"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    code: Mapped[str] = mapped_column(Code, unique=True)
    content_id: Mapped[str] = mapped_column(Digest, unique=True)
    subject_id: Mapped[int | None] = mapped_column(Key, ForeignKey("subjects.id", ondelete="CASCADE"), index=True)
    subject_source: Mapped[str | None] = mapped_column(String(16))  # see `matae.store.types.SubjectSource`
    stated_subject: Mapped[str | None] = mapped_column(String(200), index=True)  # what file or data set make of it
    stem: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text, index=True)  # to open it again; stays in the study
    n_frames: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    spacing_y: Mapped[float | None] = mapped_column(Double)
    spacing_x: Mapped[float | None] = mapped_column(Double)
    frame_times: Mapped[bytes | None] = mapped_column(LargeBinary)  # little-endian float64, seconds
    view: Mapped[str | None] = mapped_column(String(40))
    heart_rate: Mapped[float | None] = mapped_column(Double)
    quality: Mapped[str | None] = mapped_column(String(40))
    ed_frame: Mapped[int | None] = mapped_column(Integer)  # as the source states
    es_frame: Mapped[int | None] = mapped_column(Integer)
    added_at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
    session: Mapped[str] = mapped_column(Code)
    recorded: Mapped[str | None] = mapped_column(String(10))  # day of the examination; stays in the study


class Mask(Base):
    """A mask, once for each cine however many versions show it; the database refuses to change it."""

    __tablename__ = "masks"
    __table_args__ = (UniqueConstraint("cine_id", "sha256"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    cine_id: Mapped[int] = to_cine()
    sha256: Mapped[str] = mapped_column(Digest)  # of the pixels
    area: Mapped[int] = mapped_column(Integer)
    png: Mapped[bytes] = mapped_column(LargeBinary)


class Revision(Base):
    """Every version of every label; the database refuses to change one."""

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("cine_id", "frame", "number"),
        CheckConstraint("kind IN ('machine', 'person', 'status', 'conflict')", name="kind"),
        CheckConstraint("status IN ('machine', 'edited', 'accepted', 'rejected')", name="status"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    cine_id: Mapped[int] = to_cine()
    frame: Mapped[int] = mapped_column(Integer)
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    based_on: Mapped[int] = mapped_column(Integer)
    shown: Mapped[bool] = mapped_column()
    mask_id: Mapped[int | None] = mapped_column(Key, ForeignKey("masks.id", ondelete="CASCADE"), index=True)
    model: Mapped[str] = mapped_column(String(200))
    width: Mapped[str] = mapped_column(String(16))
    model_sha256: Mapped[str] = mapped_column(Digest)
    rater_id: Mapped[int | None] = mapped_column(Key, ForeignKey("raters.id"))
    seconds: Mapped[float] = mapped_column(Double)
    note: Mapped[str] = mapped_column(String(80))
    at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
    session: Mapped[str] = mapped_column(Code)
    implied_dice: Mapped[float | None] = mapped_column(Double)  # of a proposal, see `matae.segment.expected`


class Label(Base):
    """The version of each frame that is shown now: what lists and counts read, without touching the history."""

    __tablename__ = "labels"
    __table_args__ = (
        CheckConstraint("status IN ('machine', 'edited', 'accepted', 'rejected')", name="status"),
        Index("ix_labels_cine_id_status_seconds", "cine_id", "status", "seconds"),
        # What the worklist asks of every label, answered without touching one.
        Index("ix_labels_worklist", "cine_id", "status", "mask_id", "frame", "rater_id", "updated_at"),
        Index("ix_labels_status_cine_id_frame", "status", "cine_id", "frame"),  # what waits for a person, next first
    )

    cine_id: Mapped[int] = to_cine(primary=True)
    frame: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int] = mapped_column(Integer)
    mask_id: Mapped[int | None] = mapped_column(Key, ForeignKey("masks.id", ondelete="CASCADE"), index=True)
    area: Mapped[int] = mapped_column(Integer)
    original: Mapped[int | None] = mapped_column(Integer)  # revision of the proposal a person started from
    newest: Mapped[int | None] = mapped_column(Integer)  # revision of the newest proposal
    original_mask_id: Mapped[int | None] = mapped_column(Key)
    newest_mask_id: Mapped[int | None] = mapped_column(Key)
    model: Mapped[str] = mapped_column(String(200))
    width: Mapped[str] = mapped_column(String(16))
    model_sha256: Mapped[str] = mapped_column(Digest)
    rater_id: Mapped[int | None] = mapped_column(Key, ForeignKey("raters.id"))
    seconds: Mapped[float] = mapped_column(Double)
    updated_at: Mapped[str] = mapped_column(Time)


class LandmarkRevision(Base):
    """Landmarks of a frame, every version; the highest revision that is shown counts."""

    __tablename__ = "landmarks"

    cine_id: Mapped[int] = to_cine(primary=True)
    frame: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    points: Mapped[str] = mapped_column(Text)  # JSON, name: [y, x]
    rater_id: Mapped[int | None] = mapped_column(Key, ForeignKey("raters.id"))
    at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
    session: Mapped[str] = mapped_column(Code)
    shown: Mapped[bool] = mapped_column(server_default=true())  # not where somebody else was faster


class MarkRevision(Base):
    """End-diastole and end-systole of a cine, every version; the highest revision that is shown counts."""

    __tablename__ = "marks"

    cine_id: Mapped[int] = to_cine(primary=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    ed_frame: Mapped[int | None] = mapped_column(Integer)
    es_frame: Mapped[int | None] = mapped_column(Integer)
    rater_id: Mapped[int | None] = mapped_column(Key, ForeignKey("raters.id"))
    at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
    session: Mapped[str] = mapped_column(Code)
    shown: Mapped[bool] = mapped_column(server_default=true())  # not where somebody else was faster


class OverrideRevision(Base):
    """What a person set of a cine in place of what was found or stated, every version; the last one shown counts."""

    __tablename__ = "overrides"

    cine_id: Mapped[int] = to_cine(primary=True)
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(Text)  # JSON; null takes it away
    rater_id: Mapped[int | None] = mapped_column(Key, ForeignKey("raters.id"))
    at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
    session: Mapped[str] = mapped_column(Code)
    shown: Mapped[bool] = mapped_column(server_default=true())  # not where somebody else was faster


class ModelUse(Base):
    """A model that was trained, or judged, with a cine: from then on the cine's subject is fixed."""

    __tablename__ = "model_uses"
    __table_args__ = (CheckConstraint("role IN ('trained', 'judged')", name="role"),)

    cine_id: Mapped[int] = to_cine(primary=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[str] = mapped_column(Time)


class FolderSubject(Base):
    """The subject that a person gave to a path: a folder, for its cines to come too, or a file not opened yet.

    The path stays in the study.
    """

    __tablename__ = "folders"

    path: Mapped[str] = mapped_column(Text, primary_key=True)
    subject_id: Mapped[int] = mapped_column(Key, ForeignKey("subjects.id", ondelete="CASCADE"), index=True)
    at: Mapped[str] = mapped_column(Time)


class Flag(Base):
    """Frames the program wants a person to look at; replaced as a whole when it looks again."""

    __tablename__ = "flags"

    cine_id: Mapped[int] = to_cine(primary=True)
    frame: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    score: Mapped[float] = mapped_column(Double)
    reason: Mapped[str] = mapped_column(Text)


class Position(Base):
    """The frame each rater saw last."""

    __tablename__ = "positions"

    cine_id: Mapped[int] = to_cine(primary=True)
    rater: Mapped[str] = mapped_column(String(200), primary_key=True)
    frame: Mapped[int] = mapped_column(Integer)
    at: Mapped[str] = mapped_column(Time)


class Release(Base):
    """A frozen selection of labels."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("name", "number"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    number: Mapped[int] = mapped_column(Integer)
    manifest: Mapped[str] = mapped_column(Text)
    at: Mapped[str] = mapped_column(Time)


class ReleaseFrame(Base):
    """A label of a release, in the version it had then."""

    __tablename__ = "release_frames"

    release_id: Mapped[int] = mapped_column(Key, ForeignKey("releases.id", ondelete="CASCADE"), primary_key=True)
    cine_id: Mapped[int] = to_cine(primary=True, index=True)
    frame: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(Integer)


class Audit(Base):
    """What was done, when and under which code; the database refuses to change or to delete an entry."""

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(Time)
    event: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(Code)
    cine: Mapped[str] = mapped_column(Code)
    rater: Mapped[str] = mapped_column(Code)
    details: Mapped[str] = mapped_column(Text)  # JSON; no name, no path
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
    digest: Mapped[str] = mapped_column(Digest)  # over this entry and the digest of the one before
