"""What is kept of frames to choose the next one to correct by, and the frames there are to choose from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete, insert, or_, select

from matae.errors import StoreError
from matae.store.base import StudyBase
from matae.store.claims import claims_of
from matae.store.label_rows import check_frames
from matae.store.schema import Cine as CineRow
from matae.store.schema import Flag as FlagRow
from matae.store.schema import Label, Split, Subject
from matae.store.schema_worklist import LookRow
from matae.store.types import CorrectedFrame, Flag, FrameStatus, FrameToCorrect, Look, SubjectSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["LooksPart"]

_LEARNT_FROM = or_(Split.part.is_(None), Split.part == "train")
"""Patients of no side are those of a study whose sides have not been drawn yet."""
_KNOWN = CineRow.subject_source != SubjectSource.GUESSED.value


class LooksPart(StudyBase):
    """What a study says about which frame to correct next."""

    def put_looks(self, content_id: str, looks: Mapping[int, Look]) -> None:
        """Replace what is kept of the frames of a cine.

        Expected Dice and disagreement are those of the masks that the frames have now: once a frame has another mask,
        they are not known any more.

        Raises
        ------
        StoreError
            If a frame does not exist, or a figure is not a number between 0 and 1.
        """
        for look in looks.values():
            for value in (look.expected_dice, look.disagreement):
                if value is not None and not 0 <= value <= 1:
                    raise StoreError(f"{value} is no share of 0 to 1; segment the clip again.")
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            check_frames(cine, looks)
            writing.connection.execute(delete(LookRow).where(LookRow.cine_id == cine.id))
            labels = select(Label.frame, Label.mask_id).where(Label.cine_id == cine.id)
            masks = {row.frame: row.mask_id for row in writing.connection.execute(labels)}
            rows = [
                {
                    "cine_id": cine.id, "frame": int(frame), "model": look.model,
                    "expected_dice": look.expected_dice, "disagreement": look.disagreement,
                    "vector": None if look.vector is None else np.asarray(look.vector, "<f2").tobytes(),
                    "mask_id": masks.get(int(frame)),
                }
                for frame, look in looks.items()
            ]  # fmt: skip
            if rows:
                writing.connection.execute(insert(LookRow), rows)

    def looks(self, content_id: str) -> dict[int, Look]:
        """Return what is kept of the frames of a cine, in order."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            return _looks(connection, [cine.id]).get(cine.id, {})

    def frames_to_correct(self) -> list[FrameToCorrect]:
        """Return the frames that a retraining could learn from if somebody corrected them.

        These are the flagged ones whose mask is as a model proposed it. Patients of the held-out sides, clips of
        unknown patient (nothing is learnt from them) and clips that somebody else has open are left out.
        """
        with self._reading() as connection:
            taken = {
                cine_id
                for cine_id, claims in claims_of(connection, self._session).items()
                if any(not claim.own for claim in claims)
            }
            rows = connection.execute(
                select(
                    CineRow.id, CineRow.content_id, CineRow.stem, CineRow.path, Subject.pseudonym, FlagRow.frame,
                    FlagRow.score, FlagRow.reason, LookRow.model, LookRow.vector, LookRow.expected_dice,
                    LookRow.disagreement, (LookRow.mask_id == Label.mask_id).label("same_mask"),
                )
                .join(Label, (Label.cine_id == FlagRow.cine_id) & (Label.frame == FlagRow.frame))
                .join(CineRow, CineRow.id == FlagRow.cine_id)
                .join(Subject, Subject.id == CineRow.subject_id)
                .outerjoin(Split, Split.subject_id == Subject.id)
                .outerjoin(LookRow, (LookRow.cine_id == FlagRow.cine_id) & (LookRow.frame == FlagRow.frame))
                .where(
                    Label.status == FrameStatus.MACHINE.value, Label.mask_id.is_not(None), _KNOWN, _LEARNT_FROM
                )
                .order_by(CineRow.id, FlagRow.frame)
            ).all()  # fmt: skip
        return [
            FrameToCorrect(
                row.content_id,
                row.frame,
                row.pseudonym,
                row.stem,
                row.path,
                Flag(row.score, row.reason),
                _look(row, same_mask=bool(row.same_mask)),
            )
            for row in rows
            if row.id not in taken
        ]

    def corrected_frames(self) -> list[CorrectedFrame]:
        """Return the frames of training patients that people have corrected or accepted, in order."""
        kept = [FrameStatus.EDITED.value, FrameStatus.ACCEPTED.value]
        with self._reading() as connection:
            rows = connection.execute(
                select(CineRow.id, CineRow.content_id, Label.frame, Subject.pseudonym)
                .join(CineRow, CineRow.id == Label.cine_id)
                .join(Subject, Subject.id == CineRow.subject_id)
                .outerjoin(Split, Split.subject_id == Subject.id)
                .where(Label.status.in_(kept), Label.mask_id.is_not(None), _KNOWN, _LEARNT_FROM)
                .order_by(CineRow.id, Label.frame)
            ).all()
            looks = _looks(connection, sorted({row.id for row in rows}))
        return [
            CorrectedFrame(row.content_id, row.frame, row.pseudonym, _nearest(looks.get(row.id, {}), row.frame))
            for row in rows
        ]


def _looks(connection: Connection, cine_ids: list[int]) -> dict[int, dict[int, Look]]:
    found: dict[int, dict[int, Look]] = {}
    for start in range(0, len(cine_ids), 500):  # SQLite takes no more than so many values at a time
        query = select(LookRow).where(LookRow.cine_id.in_(cine_ids[start : start + 500]))
        for row in connection.execute(query.with_only_columns(*LookRow.__table__.columns).order_by(LookRow.frame)):
            look = _look(row)
            if look is not None:
                found.setdefault(row.cine_id, {})[row.frame] = look
    return found


def _look(row: Any, *, same_mask: bool = True) -> Look | None:
    if row.model is None:
        return None
    vector = None if row.vector is None else np.frombuffer(row.vector, "<f2")
    if not same_mask:
        return Look(row.model, vector)
    return Look(row.model, vector, _finite(row.expected_dice), _finite(row.disagreement))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _nearest(looks: Mapping[int, Look], frame: int) -> Look | None:
    return None if not looks else looks[min(looks, key=lambda t: (abs(t - frame), t))]
