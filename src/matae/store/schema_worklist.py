"""The tables behind the worklist: what was measured, who has what open, what waits, what frames look like.

Their rows may be replaced.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from matae.store.schema import Base, Code, Key, Time, to_cine

__all__ = ["ClaimRow", "LookRow", "Measurement", "QueueRow"]


class Measurement(Base):
    """What was last measured in a cine; replaced when it is measured again."""

    __tablename__ = "measurements"

    cine_id: Mapped[int] = to_cine(primary=True)
    ef: Mapped[float | None] = mapped_column(Double)
    ef_low: Mapped[float | None] = mapped_column(Double)
    ef_high: Mapped[float | None] = mapped_column(Double)
    doubts: Mapped[str] = mapped_column(Text)  # codes with blanks between
    provisional: Mapped[bool] = mapped_column()
    edv_ml: Mapped[float | None] = mapped_column(Double)
    esv_ml: Mapped[float | None] = mapped_column(Double)
    ed_frame: Mapped[int | None] = mapped_column(Integer)
    es_frame: Mapped[int | None] = mapped_column(Integer)
    view: Mapped[str | None] = mapped_column(String(40))
    method: Mapped[str] = mapped_column(String(80))
    model: Mapped[str] = mapped_column(String(200))
    width: Mapped[str] = mapped_column(String(16))
    masks: Mapped[int] = mapped_column(BigInteger)  # digest of the masks it was made from, see `matae.store.worklist`
    settings: Mapped[int] = mapped_column(BigInteger)  # versions of marks, landmarks and overrides there were
    rater_id: Mapped[int | None] = mapped_column(Key, ForeignKey("raters.id"))
    at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
    la_ml: Mapped[float | None] = mapped_column(Double)


class ClaimRow(Base):
    """Who has a cine open; holds until a time unless it is renewed."""

    __tablename__ = "claims"

    cine_id: Mapped[int] = to_cine(primary=True)
    session: Mapped[str] = mapped_column(Code, primary_key=True)
    rater: Mapped[str] = mapped_column(String(200))
    since: Mapped[str] = mapped_column(Time)
    until: Mapped[str] = mapped_column(Time)


class QueueRow(Base):
    """A clip that is to be segmented in the background, and what became of it."""

    __tablename__ = "queue"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
        Index("ix_queue_state_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)  # stays in the study
    label: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(40))
    info: Mapped[str] = mapped_column(Text)  # JSON
    state: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text)  # why it failed
    cine_id: Mapped[int | None] = mapped_column(Key, ForeignKey("cines.id", ondelete="CASCADE"), index=True)
    taken_by: Mapped[str] = mapped_column(Code)
    taken_until: Mapped[str] = mapped_column(Time)
    added_at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)


class LookRow(Base):
    """What a model sees in a frame and how sure of its mask it is; made again when the cine is segmented again."""

    __tablename__ = "looks"

    cine_id: Mapped[int] = to_cine(primary=True)
    frame: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    model: Mapped[str] = mapped_column(String(80))  # only vectors of one model can be compared
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)  # little-endian float16
    expected_dice: Mapped[float | None] = mapped_column(Double)
    disagreement: Mapped[float | None] = mapped_column(Double)
    mask_id: Mapped[int | None] = mapped_column(Key)  # the two figures are of this mask and of no other
