"""Reading labels: what is shown, what a model proposed, and every version there ever was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_

from matae.errors import StoreError
from matae.store.base import parse_time
from matae.store.codec import decode_mask
from matae.store.label_rows import frame_infos
from matae.store.reader_view import ReaderViewPart, own_frames
from matae.store.schema import Label, Mask, Rater
from matae.store.schema import Revision as RevisionRow
from matae.store.types import FrameInfo, FrameStatus, Revision

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

__all__ = ["LabelsPart"]


class LabelsPart(ReaderViewPart):
    """What a study says about the labels of frames.

    A study that is opened `as_reader` and is blind says what its rater may see of a clip that others read.
    """

    def frames(self, content_id: str) -> dict[int, FrameInfo]:
        """Return what is known about each labelled frame of a cine, without pixels, in order."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            own = self._beside(connection, cine.id)
            if own is not None:
                seen = own_frames(connection, cine.id, own)
                return {frame: found.info for frame, found in seen.items() if found.mask_id is not None}
            return frame_infos(connection, cine.id)

    def mask(self, content_id: str, frame: int, *, revision: int | None = None) -> NDArray[np.uint8] | None:
        """Return the mask of a frame, (Y, X) uint8, or None where there is no label.

        Parameters
        ----------
        content_id, frame
            Which.
        revision
            An earlier version; the one shown if left out.

        Raises
        ------
        StoreError
            If the cine is not in the study, or the stored mask is damaged.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            own = None if revision is not None else self._beside(connection, cine.id)
            if own is not None:
                seen = own_frames(connection, cine.id, own, [frame]).get(int(frame))
                chosen: Any = select(Mask.id).where(Mask.id == (None if seen is None else seen.mask_id))
            elif revision is None:
                chosen = select(Label.mask_id).where(Label.cine_id == cine.id, Label.frame == int(frame))
            else:
                chosen = select(RevisionRow.mask_id).where(
                    RevisionRow.cine_id == cine.id, RevisionRow.frame == int(frame), RevisionRow.number == revision
                )
            return _decoded(connection, chosen)

    def proposal(self, content_id: str, frame: int, *, original: bool = False) -> NDArray[np.uint8] | None:
        """Return what a model proposed for a frame, (Y, X) uint8, or None where none did.

        Parameters
        ----------
        content_id, frame
            Which.
        original
            The proposal the person started from, instead of the newest. The two are the same until a model is run
            again; see `FrameInfo.newer_proposal`.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            column = Label.original_mask_id if original else Label.newest_mask_id
            chosen = select(column).where(Label.cine_id == cine.id, Label.frame == int(frame))
            return _decoded(connection, chosen)

    def load_masks(self, content_id: str, out: NDArray[np.uint8]) -> dict[int, FrameInfo]:
        """Write every mask of a cine into `out`, (T, Y, X) uint8; frames without a label are left as they are.

        Returns
        -------
        dict
            What `frames` returns, of the same moment.

        Raises
        ------
        StoreError
            If `out` has another shape than the cine, or a mask is damaged.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            if out.shape != (cine.n_frames, cine.height, cine.width):
                raise StoreError(
                    f"The masks of this cine are {cine.n_frames} x {cine.height} x {cine.width}, not "
                    f"{' x '.join(map(str, out.shape))}; open the cine they were drawn on."
                )
            own = self._beside(connection, cine.id)
            if own is None:
                infos = frame_infos(connection, cine.id)
                query = (
                    select(Label.frame, Mask.png, Mask.sha256)
                    .join(Mask, Mask.id == Label.mask_id)
                    .where(Label.cine_id == cine.id)
                )
            else:
                seen = {f: found for f, found in own_frames(connection, cine.id, own).items() if found.info.revision}
                infos = {frame: found.info for frame, found in seen.items()}
                query = (
                    select(RevisionRow.frame, Mask.png, Mask.sha256)
                    .join(Mask, Mask.id == RevisionRow.mask_id)
                    .where(
                        RevisionRow.cine_id == cine.id,
                        tuple_(RevisionRow.frame, RevisionRow.number).in_([(f, o.revision) for f, o in seen.items()]),
                    )
                )
            for frame, png, digest in connection.execute(query):
                out[frame] = decode_mask(png, digest)
        return infos

    def history(self, content_id: str, frame: int) -> list[Revision]:
        """Return every version of a frame's label, newest last; refused and predicted versions too."""
        return self._versions(content_id, RevisionRow.frame == int(frame))

    def steps(self, content_id: str, limit: int = 200) -> list[list[Revision]]:
        """Return the latest changes to a cine's labels, one list a transaction, newest last: to rebuild undo.

        Parameters
        ----------
        content_id
            The cine.
        limit
            Transactions at most.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            wanted = (
                select(RevisionRow.sequence)
                .where(RevisionRow.cine_id == cine.id)
                .distinct()
                .order_by(RevisionRow.sequence.desc())
                .limit(limit)
            )
            first = min(connection.execute(wanted).scalars(), default=0)
            own = self._beside(connection, cine.id)
        found: dict[int, list[Revision]] = {}
        for revision in self._versions(content_id, RevisionRow.sequence >= first):
            if own is not None:
                if revision.kind != "machine" and revision.rater != self._rater:
                    continue
                revision = replace(revision, shown=revision.kind != "conflict")  # noqa: PLW2901
            found.setdefault(revision.step, []).append(revision)
        return list(found.values())

    def _versions(self, content_id: str, condition: Any) -> list[Revision]:
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            rows = connection.execute(
                select(*RevisionRow.__table__.columns, Mask.png, Rater.name)
                .outerjoin(Mask, Mask.id == RevisionRow.mask_id)
                .outerjoin(Rater, Rater.id == RevisionRow.rater_id)
                .where(RevisionRow.cine_id == cine.id, condition)
                .order_by(RevisionRow.sequence, RevisionRow.frame, RevisionRow.number)
            )
            return [
                Revision(
                    frame=row.frame,
                    number=row.number,
                    kind=row.kind,
                    status=FrameStatus(row.status),
                    step=row.sequence,
                    based_on=row.based_on,
                    shown=row.shown,
                    model=row.model,
                    width=row.width,
                    model_sha256=row.model_sha256,
                    rater=row.name or "",
                    seconds=row.seconds,
                    note=row.note,
                    at=parse_time(row.at),
                    png=row.png,
                    implied=row.implied_dice,
                )
                for row in rows
            ]


def _decoded(connection: Connection, mask_id: Any) -> NDArray[np.uint8] | None:
    row = connection.execute(select(Mask.png, Mask.sha256).where(Mask.id == mask_id.scalar_subquery())).one_or_none()
    return None if row is None else decode_mask(row.png, row.sha256)
