"""The tables behind readings: how far each rater is with a clip, and which reading counts.

The labels of a reading are in `matae.store.schema.Revision`, which says who made each version.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from matae.store.schema import Base, Key, Time, to_cine

__all__ = ["AdjudicationRow", "ReadingRow"]


class ReadingRow(Base):
    """What is known of one rater's reading of a clip beside its labels; replaced as the reading goes on."""

    __tablename__ = "readings"

    cine_id: Mapped[int] = to_cine(primary=True)
    rater_id: Mapped[int] = mapped_column(Key, ForeignKey("raters.id"), primary_key=True)
    finished_at: Mapped[str | None] = mapped_column(Time)
    measured: Mapped[str | None] = mapped_column(Text)  # JSON, fields of `matae.store.types.StoredMeasurement`
    measured_of: Mapped[int | None] = mapped_column(BigInteger)  # last change of the reading when it was measured
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)


class AdjudicationRow(Base):
    """Which reading of a clip counts, every decision; the last one holds."""

    __tablename__ = "adjudications"

    cine_id: Mapped[int] = to_cine(primary=True)
    revision: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    chosen_id: Mapped[int] = mapped_column(Key, ForeignKey("raters.id"))  # whose reading
    rater_id: Mapped[int | None] = mapped_column(Key, ForeignKey("raters.id"))  # who decided
    at: Mapped[str] = mapped_column(Time)
    sequence: Mapped[int] = mapped_column(BigInteger, index=True)
