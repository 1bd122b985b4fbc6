"""Which frame a person should look at next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from matae.errors import StoreError
from matae.store.base import StudyBase, as_note
from matae.store.label_rows import check_frames
from matae.store.schema import Cine as CineRow
from matae.store.schema import Flag as FlagRow
from matae.store.schema import Label
from matae.store.types import Flag, FrameStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FlagsPart"]


class FlagsPart(StudyBase):
    """What a study says about frames that wait for a person."""

    def next_to_review(
        self, content_id: str, frame: int, *, backwards: bool = False, flagged: bool = False, stay: bool = False
    ) -> tuple[str, int] | None:
        """Return the next frame that no person has looked at: in this cine after `frame`, else in the cines after it.

        Parameters
        ----------
        content_id, frame
            Where the search starts; this frame itself is left out.
        backwards
            Search towards the beginning.
        flagged
            Only frames with a flag.
        stay
            Search in this cine only.

        Returns
        -------
        tuple
            Content id and frame, or None if there is none.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            waiting = [Label.status == FrameStatus.MACHINE.value, Label.mask_id.is_not(None)]
            query = select(Label.frame)
            if flagged:
                query = query.join(FlagRow, (FlagRow.cine_id == Label.cine_id) & (FlagRow.frame == Label.frame))
            order = Label.frame.desc() if backwards else Label.frame
            beyond = Label.frame < int(frame) if backwards else Label.frame > int(frame)
            here = connection.execute(
                query.where(*waiting, Label.cine_id == cine.id, beyond).order_by(order).limit(1)
            ).scalar()
            if here is not None:
                return content_id, here
            if stay:
                return None
            away = Label.cine_id < cine.id if backwards else Label.cine_id > cine.id
            first = Label.cine_id.desc() if backwards else Label.cine_id
            there = connection.execute(
                query.add_columns(CineRow.content_id)
                .join(CineRow, CineRow.id == Label.cine_id)
                .where(*waiting, away)
                .order_by(first, order)
                .limit(1)
            ).one_or_none()
            return None if there is None else (there.content_id, there.frame)

    def flags(self, content_id: str) -> dict[int, Flag]:
        """Return why the program wants a person to look at which frames, in order."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            rows = connection.execute(
                select(FlagRow.frame, FlagRow.score, FlagRow.reason)
                .where(FlagRow.cine_id == cine.id)
                .order_by(FlagRow.frame)
            )
            return {frame: Flag(score, reason) for frame, score, reason in rows}

    def set_flags(self, content_id: str, flags: Mapping[int, Flag]) -> None:
        """Replace the flags of a cine.

        Raises
        ------
        StoreError
            If a frame does not exist, or a score is not a number.
        """
        if any(math.isnan(flag.score) for flag in flags.values()):
            raise StoreError("The score of a flag is not a number; run the model again.")
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            check_frames(cine, flags)
            writing.connection.execute(delete(FlagRow).where(FlagRow.cine_id == cine.id))
            rows = [
                {
                    "cine_id": cine.id,
                    "frame": int(frame),
                    "score": float(flag.score),
                    "reason": as_note(flag.reason, 1000),
                }
                for frame, flag in flags.items()
            ]
            if rows:
                writing.connection.execute(insert(FlagRow), rows)
